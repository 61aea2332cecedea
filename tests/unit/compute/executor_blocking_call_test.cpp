// A function that blocks in `materialize`, which waits for a place that the function holds.

#include <chrono>
#include <future>
#include <string>
#include <type_traits>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"

namespace deriva::test {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

/// On a context that one thread runs: the test's.
struct OnContext {
  explicit OnContext(ComputeFixture& fixture, const ExecutorOptions& options = {})
      : executor(io.get_executor(), *fixture.store, fixture.registry, options) {}
  asio::io_context io{1};
  Executor<FunctionRegistry> executor;
};

template <class On>
Result<Blob> get(On& on, const Address& address) {
  return on.executor.materialize(address);
}
Result<Blob> get(OnContext& on, const Address& address) {
  std::future<Result<Blob>> value = on.executor.async_materialize(address, {}, asio::use_future);
  on.io.restart();
  on.io.run();
  return value.get();
}

ExecutorOptions one_place() {
  ExecutorOptions options;
  options.coroutine_concurrency = 1;
  return options;
}

TEMPLATE_TEST_CASE("executor: a coroutine function that blocks in materialize is refused, before and after it waited",
                   "", OnContext, OnPool<1>, OnPool<3>, OnThisThread) {
  ComputeFixture f;
  TestType* on = nullptr;
  Texts seen;
  const Address leaf = f.leaf("a");
  const Address below = f.recipe("concat", {leaf});
  f.add_async("nested", [&](std::vector<Blob>, Params, Context& context) -> asio::awaitable<Blob> {
    const auto block = [&] { seen.push_back(text_of(on->executor.materialize(leaf))); };
    block();
    asio::steady_timer timer(context.get_executor(), 1us);
    co_await timer.async_wait(asio::use_awaitable);
    block();
    co_await asio::post(context.get_executor(), asio::use_awaitable);
    block();
    const Result<Blob> got = co_await context.materialize(below);
    block();
    co_return *got;
  });
  TestType executes(f, one_place());
  on = &executes;
  REQUIRE(text_of(get(executes, f.recipe("nested", {}))) == "a");
  REQUIRE(seen == Texts(4, "!invalid_argument"));
  REQUIRE(text_of(executes.executor.materialize(leaf)) == "a");  // And is allowed again outside.
}

TEMPLATE_TEST_CASE("executor: a coroutine that a coroutine function spawns on its executor is refused, too", "",
                   OnContext, OnPool<1>) {
  ComputeFixture f;
  TestType* on = nullptr;
  std::string seen;
  f.add_async("nested", [&](std::vector<Blob>, Params, Context& context) -> asio::awaitable<Blob> {
    const auto child = [&]() -> asio::awaitable<void> {
      co_await asio::post(context.get_executor(), asio::use_awaitable);
      seen = text_of(on->executor.materialize(Address()));
    };
    co_await asio::co_spawn(context.get_executor(), child, asio::use_awaitable);
    co_return Blob();
  });
  TestType executes(f, one_place());
  on = &executes;
  REQUIRE(get(executes, f.recipe("nested", {})).has_value());
  REQUIRE(seen == "!invalid_argument");
}

/// A coroutine function, "waits", of which the host's timer resumes each segment but the first.
struct HostTimerFixture : ComputeFixture {
  HostTimerFixture() {
    add_async("waits", [this](std::vector<Blob>, Params, Context&) -> asio::awaitable<Blob> {
      timer->expires_after(1us);
      co_await timer->async_wait(asio::use_awaitable);
      seen.push_back(text_of(executor->materialize(leaf("a"))));
      co_return Blob::copy_of("w");
    });
  }
  asio::steady_timer* timer = nullptr;
  Executor<FunctionRegistry>* executor = nullptr;
  Texts seen;
};

TEMPLATE_TEST_CASE("executor: a coroutine function that the host's timer resumed is refused, the host's handler is not",
                   "", asio::io_context, asio::thread_pool) {
  HostTimerFixture f;
  TestType context(1);
  asio::steady_timer timer(context.get_executor());
  Executor<FunctionRegistry> executor(context.get_executor(), *f.store, f.registry, one_place());
  f.timer = &timer;
  f.executor = &executor;
  const Address waits = f.recipe("waits", {});
  std::promise<Texts> in_handlers;
  const Address plain = f.recipe("concat", {f.leaf("b"), f.leaf("c")});
  executor.async_materialize(waits, {}, [&](const Result<Blob>& value) {
    // The thread that ran the function. It helps: the recipe is computed here.
    in_handlers.set_value({text_of(value), text_of(executor.materialize(plain))});
  });
  if constexpr (std::is_same_v<TestType, asio::io_context>) context.run();
  REQUIRE(in_handlers.get_future().get() == Texts{"w", "bc"});
  REQUIRE(f.seen == Texts{"!invalid_argument"});
}

TEST_CASE("executor: a handler of the host may block while a coroutine function is suspended, on the same thread") {
  ComputeFixture f;
  OnContext on(f, one_place());
  std::string seen;
  const Address plain = f.recipe("concat", {f.leaf("b"), f.leaf("c")});
  f.add_async("waits", [&](std::vector<Blob>, Params, Context& context) -> asio::awaitable<Blob> {
    asio::post(on.io, [&] { seen = text_of(on.executor.materialize(plain)); });
    while (seen.empty()) co_await asio::post(context.get_executor(), asio::use_awaitable);
    co_return Blob::copy_of("w");
  });
  REQUIRE(text_of(get(on, f.recipe("waits", {}))) == "w");
  REQUIRE(seen == "bc");
}

TEST_CASE("executor: a handler of the host that a function runs inline must not block: it would hold its place") {
  ComputeFixture f;
  OnContext on(f, one_place());
  Texts seen;
  const auto block = [&] { seen.push_back(text_of(on.executor.materialize(Address()))); };
  f.add_async("dispatches", [&](std::vector<Blob>, Params, Context&) -> asio::awaitable<Blob> {
    asio::dispatch(on.io, block);
    block();  // The function is still one.
    co_return Blob();
  });
  REQUIRE(get(on, f.recipe("dispatches", {})).has_value());
  REQUIRE(seen == Texts(2, "!invalid_argument"));
}

TEST_CASE("executor: a coroutine function must not block in another executor either") {
  ComputeFixture f;
  OnThisThread other(f);
  std::string seen;
  f.add_async("nested", [&](std::vector<Blob>, Params, Context&) -> asio::awaitable<Blob> {
    seen = text_of(other.executor.materialize(Address()));
    co_return Blob();
  });
  OnContext on(f, one_place());
  REQUIRE(get(on, f.recipe("nested", {})).has_value());
  REQUIRE(seen == "!invalid_argument");
}

}  // namespace
}  // namespace deriva::test
