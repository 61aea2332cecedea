#include <atomic>
#include <chrono>
#include <future>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"

namespace deriva::test {
namespace {

namespace asio = boost::asio;

/// Concatenates after giving the thread away twice.
asio::awaitable<Blob> concat_slowly(std::vector<Blob> inputs, Params, Context& context) {
  std::string text;
  for (const Blob& input : inputs) text += as_text(input);
  for (int i = 0; i < 2; ++i) co_await asio::post(context.get_executor(), asio::use_awaitable);
  co_return Blob::adopt(std::move(text));
}

TEMPLATE_TEST_CASE("executor: coroutine functions and plain ones feed each other", "", OnPool<1>, OnPool<3>,
                   OnThisThread) {
  ComputeFixture f;
  f.add_async("slowly", concat_slowly);
  TestType on(f);
  const Address ab = f.recipe("slowly", {f.leaf("a"), f.leaf("b")});
  const Address plain = f.recipe("concat", {ab, ab});
  REQUIRE(text_of(on.executor.materialize(f.recipe("slowly", {plain, ab}))) == "ababab");
  REQUIRE(f.runs("slowly") == 2);
  REQUIRE(f.runs("concat") == 1);
}

TEMPLATE_TEST_CASE("executor: a single coroutine function is stored and delivered", "", OnPool<1>, OnPool<3>,
                   OnThisThread) {
  ComputeFixture f;
  f.add_async("slowly", concat_slowly);
  TestType on(f);
  const Address target = f.recipe("slowly", {f.leaf("a")});
  REQUIRE(text_of(on.executor.materialize(target, durable())) == "a");
  REQUIRE(f.store->value(target).value() == Blob::copy_of("a"));
}

TEMPLATE_TEST_CASE("executor: a coroutine function that throws or returns an error has failed", "", OnPool<1>,
                   OnPool<3>, OnThisThread) {
  ComputeFixture f;
  f.add_async("throws", [](std::vector<Blob>, Params, Context& context) -> asio::awaitable<Blob> {
    co_await asio::post(context.get_executor(), asio::use_awaitable);
    throw std::runtime_error("out of luck");
  });
  f.add_async("throws_int", [](std::vector<Blob>, Params, Context&) -> asio::awaitable<Result<Blob>> {
    throw 42;
    co_return Blob();
  });
  f.add_async("returns", [](std::vector<Blob>, Params, Context&) -> asio::awaitable<Result<Blob>> {
    co_return Error(Errc::not_found, "out of luck");
  });
  TestType on(f);
  for (const std::string name : {"throws", "throws_int", "returns"}) {
    INFO(name);
    const Address failing = f.recipe(name, {});
    const Result<Blob> value = on.executor.materialize(f.recipe("id", {failing}));
    REQUIRE(text_of(value) == "!function_failed");
    REQUIRE(*value.error().address() == failing);
    REQUIRE(*value.error().function() == FunctionId{name, "1"});
    REQUIRE_FALSE(f.store->result(failing).value());
  }
}

TEST_CASE("executor: no more coroutine functions are under way than allowed, and all get their turn") {
  ComputeFixture f;
  int now = 0;
  int most = 0;
  f.add_async("counted", [&](std::vector<Blob>, Params, Context& context) -> asio::awaitable<Blob> {
    most = std::max(most, ++now);
    for (int i = 0; i < 3; ++i) co_await asio::post(context.get_executor(), asio::use_awaitable);
    --now;
    co_return Blob::copy_of("x");
  });
  ExecutorOptions options;
  options.coroutine_concurrency = GENERATE(1U, 2U, 5U);
  OnPool<1> on(f, options);
  std::vector<Address> inputs;
  for (int i = 0; i < 50; ++i) inputs.push_back(f.numbered("counted", i));
  REQUIRE(on.executor.materialize(f.recipe("concat", inputs)).value().size() == 50);
  REQUIRE(most == static_cast<int>(options.coroutine_concurrency));
}

TEST_CASE("executor: a coroutine function that waits for a place begins when the one before it has failed") {
  ComputeFixture f;
  f.add_async("fails", [](std::vector<Blob>, Params, Context& context) -> asio::awaitable<Blob> {
    co_await asio::post(context.get_executor(), asio::use_awaitable);
    throw 1;
  });
  ExecutorOptions options;
  options.coroutine_concurrency = 1;
  OnPool<1> on(f, options);
  std::vector<std::future<Result<Blob>>> values;
  for (int i = 0; i < 5; ++i) {
    values.push_back(on.executor.async_materialize(f.numbered("fails", i), {}, asio::use_future));
  }
  for (std::future<Result<Blob>>& value : values) REQUIRE(text_of(value.get()) == "!function_failed");
}

TEST_CASE("executor: ten thousand coroutine functions are suspended at the same time") {
  constexpr int many = 10'000;
  ComputeFixture f;
  asio::io_context io(1);
  asio::steady_timer gate(io, asio::steady_timer::time_point::max());
  int suspended = 0;
  f.add_async("waits", [&](std::vector<Blob>, Params, Context&) -> asio::awaitable<Blob> {
    if (++suspended == many) gate.cancel();
    boost::system::error_code woken;
    if (suspended < many) co_await gate.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    co_return Blob::copy_of("x");
  });
  Executor<FunctionRegistry> executor(io.get_executor(), *f.store, f.registry);
  std::vector<Recipe> recipes;
  for (std::int64_t i = 0; i < many; ++i) recipes.push_back({{"waits", "1"}, {}, {{"number", i}}});
  const std::vector<Address> inputs = f.store->put_recipes(recipes).value();
  std::future<Result<Blob>> value = executor.async_materialize(f.recipe("concat", inputs), {}, boost::asio::use_future);
  io.run();
  REQUIRE(value.get().value().size() == many);
  REQUIRE(suspended == many);
}

TEST_CASE("executor: a coroutine function knows its recipe and its I/O executor") {
  ComputeFixture f;
  asio::io_context io(1);
  Address seen;
  bool same_io = false;
  f.add_async("looks", [&](std::vector<Blob>, Params, Context& context) -> asio::awaitable<Blob> {
    seen = context.address();
    const auto own = co_await asio::this_coro::executor;
    same_io = &asio::query(own, asio::execution::context) == &io && context.get_executor() == own &&
              !context.stop_token().stop_requested();
    co_return Blob();
  });
  Executor<FunctionRegistry> executor(io.get_executor(), *f.store, f.registry);
  const Address target = f.recipe("looks", {});
  auto value = executor.async_materialize(target, {}, boost::asio::use_future);
  io.run();
  REQUIRE(value.get().has_value());
  REQUIRE(seen == target);
  REQUIRE(same_io);
}

TEST_CASE("coroutine: what it takes from its inputs goes with who computed them") {
  ComputeFixture f;
  f.add_async("takes", [](std::vector<Blob> inputs, Params, Context&) -> asio::awaitable<Blob> {
    co_return std::move(inputs[0]);
  });
  ExecutorOptions options;
  options.store_results = false;
  options.cache_bytes = 0;
  OnPool<2> on(f, options);
  std::vector<Address> taken;
  std::string text;
  for (std::int64_t i = 0; i < 100; ++i) {
    const std::string prefix(100 + static_cast<std::size_t>(i) % 3, static_cast<char>('a' + i % 26));
    taken.push_back(f.recipe("takes", {f.recipe("concat", {}, {{"prefix", prefix}, {"number", i}})}));
    text += prefix;
  }
  REQUIRE(text_of(on.executor.materialize(f.recipe("concat", taken))) == text);
}

}  // namespace
}  // namespace deriva::test
