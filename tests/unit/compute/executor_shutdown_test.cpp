#include <atomic>
#include <future>
#include <latch>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"

namespace deriva::test {
namespace {

namespace asio = boost::asio;

TEST_CASE("shutdown: requests that nobody has begun with end as cancelled, once") {
  ComputeFixture f;
  asio::io_context io;
  std::optional<Executor<FunctionRegistry>> executor(std::in_place, io.get_executor(), *f.store, f.registry);
  std::vector<std::string> seen;
  for (int i = 0; i < 10; ++i) {
    executor->async_materialize(f.numbered("concat", i % 5), {},
                                [&](const Result<Blob>& value) { seen.push_back(text_of(value)); });
  }
  executor.reset();
  REQUIRE(seen.empty());
  SECTION("and the I/O executor runs on") {
    io.run();
    REQUIRE(seen == std::vector<std::string>(10, "!cancelled"));
    REQUIRE(f.runs() == 0);
  }
  SECTION("or never again") {}  // A sanitizer sees what leaks.
}

TEST_CASE("shutdown: suspended coroutine functions are asked to stop, and may outlive the executor") {
  ComputeFixture f;
  std::optional<asio::io_context> io(std::in_place);
  std::optional<asio::steady_timer> gate(std::in_place, *io, asio::steady_timer::time_point::max());
  std::stop_token stop;
  bool ended = false;
  f.add_async("gated", [&](std::vector<Blob>, Params, Context& context) -> asio::awaitable<Blob> {
    stop = context.stop_token();
    boost::system::error_code woken;
    co_await gate->async_wait(asio::redirect_error(asio::use_awaitable, woken));
    ended = true;
    co_return Blob::copy_of("late");
  });
  std::optional<Executor<FunctionRegistry>> executor(std::in_place, io->get_executor(), *f.store, f.registry);
  std::string seen;
  const Address target = f.recipe("id", {f.recipe("gated", {})});
  executor->async_materialize(target, {}, [&](const Result<Blob>& value) { seen = text_of(value); });
  io->poll();
  executor.reset();
  REQUIRE(stop.stop_requested());
  SECTION("and the I/O executor runs on") {
    gate->cancel();
    io->restart();
    io->run();
    REQUIRE(ended);
    REQUIRE(seen == "!cancelled");
  }
  SECTION("or never again") {
    gate.reset();
    io.reset();
    REQUIRE(seen.empty());
  }
  REQUIRE(f.runs("id") == 0);
}

TEST_CASE("shutdown: a plain function that runs is waited for, and nothing begins after it") {
  ComputeFixture f;
  std::promise<void> inside;
  std::promise<void> go_on;
  std::atomic<bool> ended{false};
  f.add("waits", [&](std::span<const Blob>, const Params&) {
    inside.set_value();
    go_on.get_future().get();
    ended = true;
    return Blob();
  });
  asio::thread_pool pool(2);
  std::optional<Executor<FunctionRegistry>> executor(std::in_place, pool.get_executor(), *f.store, f.registry);
  auto value = executor->async_materialize(f.recipe("id", {f.recipe("waits", {})}), {}, asio::use_future);
  inside.get_future().get();
  std::thread destroyer([&] { executor.reset(); });
  REQUIRE(text_of(value.get()) == "!cancelled");  // At once: it does not wait for the function.
  REQUIRE_FALSE(ended);
  go_on.set_value();
  destroyer.join();
  REQUIRE(ended);
  REQUIRE(f.runs("id") == 0);
}

TEST_CASE("shutdown: what fails while functions are asked to stop is told instead of tried again or cancelled") {
  ComputeFixture f;
  std::latch inside(2);
  std::latch may_fail(1);
  std::future<Result<Blob>> transient;
  f.add("fails", [&](std::span<const Blob>, const Params&) -> Result<Blob> {
    inside.count_down();
    may_fail.wait();
    return Error(Errc::function_failed, "once").with_class(ErrorClass::transient);
  });
  f.registry.add({"stops", "1"}, [&](std::span<const Blob>, const Params&, Context& context) {
    std::latch asked(1);
    const std::stop_callback stopped(context.stop_token(), [&] {
      may_fail.count_down();
      transient.wait();
      asked.count_down();
    });
    inside.count_down();
    asked.wait();
    return Blob();
  });
  ExecutorOptions options;
  options.transient_retries = 1;
  auto on = std::make_unique<OnPool<2>>(f, options);
  transient = on->executor.async_materialize(f.recipe("fails", {}), {}, asio::use_future);
  const auto stops = on->executor.async_materialize(f.recipe("stops", {}), {}, asio::use_future);
  inside.wait();
  on.reset();
  REQUIRE(text_of(transient.get()) == "!cancelled");
}

TEST_CASE("shutdown: a thread that blocks in materialize is released") {
  ComputeFixture f;
  asio::io_context io;
  std::promise<void> inside;
  std::promise<void> go_on;
  f.add("waits", [&](std::span<const Blob>, const Params&) {
    inside.set_value();
    go_on.get_future().get();
    return Blob();
  });
  ExecutorOptions options;
  options.concurrency = 1;
  std::optional<Executor<FunctionRegistry>> executor(std::in_place, io.get_executor(), *f.store, f.registry, options);
  const Address waits = f.recipe("waits", {});
  std::string seen;
  std::thread blocked([&] { seen = text_of(executor->materialize(waits)); });
  inside.get_future().get();
  std::thread destroyer([&] { executor.reset(); });
  go_on.set_value();
  destroyer.join();
  blocked.join();
  REQUIRE((seen == "!cancelled" || seen.empty()));  // Whichever came first.
}

TEST_CASE("shutdown: at every step of a request it neither hangs nor completes twice nor leaks") {
  for (int steps = 0; steps < 60; ++steps) {
    ComputeFixture f;
    f.add_async("slowly", [](std::vector<Blob> inputs, Params, Context& context) -> asio::awaitable<Blob> {
      for (int i = 0; i < 3; ++i) co_await asio::post(context.get_executor(), asio::use_awaitable);
      co_return inputs[0];
    });
    asio::io_context io(1);
    std::optional<Executor<FunctionRegistry>> executor(std::in_place, io.get_executor(), *f.store, f.registry);
    Address end = f.leaf("x");
    for (int i = 0; i < 4; ++i) end = f.numbered(i % 2 == 0 ? "slowly" : "id", i, {end});
    int calls = 0;
    std::string seen;
    executor->async_materialize(end, {}, [&](const Result<Blob>& value) {
      ++calls;
      seen = text_of(value);
    });
    for (int i = 0; i < steps; ++i) io.poll_one();
    executor.reset();
    io.restart();
    io.run();
    REQUIRE(calls == 1);
    REQUIRE((seen == "x" || seen == "!cancelled"));
  }
}

TEST_CASE("shutdown: what was computed and not yet written is written") {
  ComputeFixture f;
  asio::io_context io(1);
  std::optional<Executor<FunctionRegistry>> executor(std::in_place, io.get_executor(), *f.store, f.registry);
  const Address inner = f.recipe("concat", {f.leaf("a")});
  f.add("gives_up", [&](std::span<const Blob>, const Params&) -> Blob { throw 1; });
  auto value = executor->async_materialize(f.recipe("gives_up", {inner}), {}, asio::use_future);
  io.run_one();
  io.poll();
  REQUIRE(text_of(value.get()) == "!function_failed");
  executor.reset();
  REQUIRE(f.store->value(inner).value() == Blob::copy_of("a"));
}

}  // namespace
}  // namespace deriva::test
