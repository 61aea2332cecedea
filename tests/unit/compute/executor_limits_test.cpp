// Deadlines, resources, blocking functions, requests that keep going.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"

namespace deriva::test {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

#define DERIVA_EVERY_EXECUTOR OnPool<1>, OnPool<3>, OnThisThread

TEMPLATE_TEST_CASE("deadline: one that is over is told at once, and nothing runs; a value that is there is given", "",
                   DERIVA_EVERY_EXECUTOR) {
  ComputeFixture f;
  TestType on(f);
  MaterializeOptions options;
  options.deadline = Clock::now();
  const Address target = f.recipe("concat", {f.leaf("a")});
  REQUIRE(text_of(on.executor.materialize(target, options)) == "!deadline_exceeded");
  REQUIRE(f.runs() == 0);
  REQUIRE(text_of(on.executor.materialize(target)) == "a");
  REQUIRE(text_of(on.executor.materialize(target, options)) == "a");
}

TEST_CASE("deadline: a request that waits ends when its time is over, and its coroutine is asked to stop") {
  ComputeFixture f;
  asio::io_context io(1);
  asio::steady_timer gate(io, asio::steady_timer::time_point::max());
  std::stop_token stop;
  f.add_async("gated", [&](std::vector<Blob>, Params, Context& context) -> asio::awaitable<Blob> {
    stop = context.stop_token();
    boost::system::error_code woken;
    co_await gate.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    co_return Blob();
  });
  Executor<FunctionRegistry> executor(io.get_executor(), *f.store, f.registry);
  MaterializeOptions options;
  options.deadline = Clock::now() + std::chrono::milliseconds(20);
  std::string seen;
  executor.async_materialize(f.recipe("id", {f.recipe("gated", {})}), options, [&](const Result<Blob>& value) {
    seen = text_of(value);
    gate.cancel();
  });
  io.run();
  REQUIRE(seen == "!deadline_exceeded");
  REQUIRE(stop.stop_requested());
}

TEST_CASE("deadline: one that was not needed keeps nobody waiting") {
  ComputeFixture f;
  asio::io_context io(1);
  Executor<FunctionRegistry> executor(io.get_executor(), *f.store, f.registry);
  MaterializeOptions options;
  options.deadline = Clock::now() + std::chrono::hours(1);
  auto value = executor.async_materialize(f.recipe("concat", {f.leaf("a")}), options, asio::use_future);
  io.run();  // For an hour, if the timer were left.
  REQUIRE(text_of(value.get()) == "a");
}

TEST_CASE("resources: no more functions have one than it has places") {
  ComputeFixture f;
  std::atomic<int> now{0};
  std::atomic<int> most{0};
  const auto counted = [&](std::span<const Blob>, const Params&) {
    const int running = ++now;
    for (int seen = most; seen < running && !most.compare_exchange_weak(seen, running);) {
    }
    std::this_thread::yield();
    --now;
    return Blob::copy_of("x");
  };
  f.registry.add({"counted", "1"}, counted, {.resource = "gpu"});
  ExecutorOptions options;
  options.concurrency = 4;
  options.resources = {{"gpu", 1}};
  OnPool<4> on(f, options);
  std::vector<Address> inputs;
  for (int i = 0; i < 100; ++i) inputs.push_back(f.numbered("counted", i));
  REQUIRE(on.executor.materialize(f.recipe("concat", inputs)).value().size() == 100);
  REQUIRE(most == 1);
}

TEST_CASE("blocking functions: others run beside them, on the only slot") {
  ComputeFixture f;
  std::promise<void> go_on;
  f.registry.add({"blocks", "1"},
                 [&](std::span<const Blob>, const Params&) {
                   go_on.get_future().get();
                   return Blob::copy_of("b");
                 },
                 {.blocking = true});
  f.add("opens", [&](std::span<const Blob>, const Params&) {
    go_on.set_value();
    return Blob::copy_of("o");
  });
  ExecutorOptions options;
  options.concurrency = 1;
  OnPool<1> on(f, options);
  auto blocked = on.executor.async_materialize(f.recipe("blocks", {}), {}, asio::use_future);
  REQUIRE(text_of(on.executor.materialize(f.recipe("opens", {}))) == "o");
  REQUIRE(text_of(blocked.get()) == "b");
}

TEMPLATE_TEST_CASE("keep going: everything that does not depend on a failure is computed, and all failures are told",
                   "", DERIVA_EVERY_EXECUTOR) {
  ComputeFixture f;
  f.add("bad", [](std::span<const Blob>, const Params&) -> Blob { throw std::runtime_error("out of luck"); });
  TestType on(f);
  std::vector<Address> inputs;
  for (int i = 0; i < 3; ++i) inputs.push_back(f.numbered("bad", i));
  for (int i = 0; i < 20; ++i) inputs.push_back(f.numbered("concat", i));
  Outcome outcome;
  MaterializeOptions options;
  options.outcome = &outcome;
  options.on_failure = FailurePolicy::keep_going;
  const Error all = on.executor.materialize(f.recipe("id", inputs), options).error();
  REQUIRE(all.code() == Errc::function_failed);
  REQUIRE(outcome.failures.size() == 3);
  const std::vector<Error>& failures = outcome.failures;
  REQUIRE(all.message() == failures[0].message() + "; and 2 others failed: " + failures[1].message() + "; " +
                               failures[2].message() + ".");
  REQUIRE(*all.address() == *failures[0].address());
  REQUIRE(outcome.failed == 3);
  REQUIRE(outcome.computed == 20);
  REQUIRE(outcome.never_started == 1);
  REQUIRE(f.runs("concat") == 20);
}

}  // namespace
}  // namespace deriva::test
