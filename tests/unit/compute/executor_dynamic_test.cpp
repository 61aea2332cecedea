// Functions that ask for other values while they run, and functions with a time of their own.

#include <algorithm>
#include <chrono>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"
#include "unit/compute/gated_io.hpp"

namespace deriva::test {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;
using Blobs = std::vector<Blob>;

#define DERIVA_EVERY_EXECUTOR OnPool<1>, OnPool<3>, OnThisThread

/// Has a function, "asks", that returns what the addresses named by its param "for" have for values.
struct DynamicFixture : ComputeFixture {
  DynamicFixture() {
    add_async("asks", [](Blobs, Params params, Context& context) -> asio::awaitable<Result<Blob>> {
      std::string text;
      std::string_view wanted = std::get<std::string>(params.at("for"));
      for (; !wanted.empty(); wanted.remove_prefix(64)) {
        const Result<Blob> value = co_await context.materialize(Address::parse(wanted.substr(0, 64)).value());
        if (!value) co_return value.error();
        text += as_text(*value);
      }
      co_return Blob::adopt("(" + text + ")");
    });
  }
  Address asks(const std::vector<Address>& wanted, std::vector<Address> inputs = {}) {
    std::string list;
    for (const Address& address : wanted) list += address.to_string();
    return recipe("asks", std::move(inputs), {{"for", list}});
  }
};

ExecutorOptions one_place() {
  ExecutorOptions options;
  options.coroutine_concurrency = 1;
  return options;
}

TEMPLATE_TEST_CASE("dynamic: a function gets leaves and computed values, which are recorded with its result", "",
                   DERIVA_EVERY_EXECUTOR) {
  DynamicFixture f;
  TestType on(f);
  const Address leaf = f.leaf("a");
  const Address below = f.recipe("concat", {leaf, leaf});
  const Address target = f.asks({below, leaf, below});
  REQUIRE(text_of(on.executor.materialize(target, durable())) == "(aaaaa)");
  REQUIRE(f.runs("concat") == 1);
  REQUIRE(f.store->discovered_inputs(target).value() == std::vector<Address>{below, leaf});
  REQUIRE(f.store->discovered_dependents(leaf).value() == std::vector<Address>{target});
  REQUIRE(f.store->discovered_inputs(below).value().empty());
  REQUIRE(f.store->remove(target).value());
  REQUIRE(f.store->discovered_dependents(leaf).value().empty());
}

TEMPLATE_TEST_CASE("dynamic: a function that waits gives its place away, at any depth", "", DERIVA_EVERY_EXECUTOR) {
  DynamicFixture f;
  TestType on(f, one_place());
  Address end = f.leaf("a");
  for (int i = 0; i < 100; ++i) end = f.asks({end});
  REQUIRE(text_of(on.executor.materialize(f.recipe("id", {end}))) ==
          std::string(100, '(') + "a" + std::string(100, ')'));
}

TEMPLATE_TEST_CASE("dynamic: many that ask for one get it, one run for all, on one place", "", DERIVA_EVERY_EXECUTOR) {
  DynamicFixture f;
  TestType on(f, one_place());
  const Address shared = f.asks({f.recipe("concat", {f.leaf("a")})});
  std::vector<Address> inputs;
  for (int i = 0; i < 50; ++i) inputs.push_back(f.asks({shared, f.numbered("concat", i)}));
  REQUIRE(on.executor.materialize(f.recipe("concat", inputs)).value().size() == 50 * 5);
  REQUIRE(f.runs("asks") == 51);
}

TEST_CASE("dynamic: functions that have waited go on when there is a place for them, and not before") {
  ComputeFixture f;
  ExecutorOptions options;
  options.coroutine_concurrency = GENERATE(1U, 3U);
  const int places = static_cast<int>(options.coroutine_concurrency);
  int now = 0;
  int most = 0;
  const Address below = f.recipe("concat", {f.leaf("a")});
  f.add_async("counted", [&](Blobs, Params, Context& context) -> asio::awaitable<Result<Blob>> {
    const Result<Blob> value = co_await context.materialize(below);
    most = std::max(most, ++now);
    for (int i = 0; i < 3 || most < places; ++i) co_await asio::post(context.get_executor(), asio::use_awaitable);
    --now;
    co_return value;
  });
  OnPool<1> on(f, options);
  std::vector<Address> inputs;
  for (int i = 0; i < 20; ++i) inputs.push_back(f.numbered("counted", i));
  REQUIRE(on.executor.materialize(f.recipe("concat", inputs)).value().size() == 20);
  REQUIRE(most == places);
}

TEMPLATE_TEST_CASE("dynamic: what fails below comes back as a value; returned or thrown on, it stays what it was", "",
                   DERIVA_EVERY_EXECUTOR) {
  DynamicFixture f;
  f.add("bad",
        [](std::span<const Blob>, const Params&) -> Result<Blob> { return Error(Errc::io_error, "out of luck"); });
  const Address bad = f.recipe("bad", {});
  const Address missing = Address::of_leaf(as_bytes("nobody has it"));
  f.add_async("recovers", [&](Blobs, Params, Context& context) -> asio::awaitable<Blob> {
    const Result<Blob> value = co_await context.materialize(bad);
    co_return Blob::adopt(text_of(value));
  });
  f.add_async("throws", [&](Blobs, Params, Context& context) -> asio::awaitable<Blob> {
    Result<Blob> value = co_await context.materialize(missing);
    co_return std::move(value).value();
  });
  TestType on(f);
  REQUIRE(text_of(on.executor.materialize(f.recipe("recovers", {}))) == "!function_failed");
  const Result<Blob> passed = on.executor.materialize(f.recipe("id", {f.asks({bad})}));
  REQUIRE(text_of(passed) == "!function_failed");
  REQUIRE(*passed.error().address() == bad);
  const Result<Blob> thrown = on.executor.materialize(f.recipe("throws", {}));
  REQUIRE(text_of(thrown) == "!not_found");
  REQUIRE(*thrown.error().address() == missing);
}

/// Functions that ask for what the test says, by their number: recipes cannot refer to each other in a circle.
struct CircleFixture : ComputeFixture {
  CircleFixture() {
    add_async("asks", [this](Blobs, Params params, Context& context) -> asio::awaitable<Result<Blob>> {
      const auto number = static_cast<std::size_t>(std::get<std::int64_t>(params.at("number")));
      Result<Blob> value = co_await context.materialize(wanted.at(number));
      co_return value;
    });
  }
  std::vector<Address> wanted;
};

TEMPLATE_TEST_CASE("dynamic: a circle of functions is a cycle with its path, and the next request is told the same", "",
                   DERIVA_EVERY_EXECUTOR) {
  CircleFixture f;
  TestType on(f, one_place());
  const std::int64_t length = GENERATE(1, 2, 5);
  std::vector<Address> circle;
  for (std::int64_t i = 0; i < length; ++i) circle.push_back(f.numbered("asks", i));
  for (std::size_t i = 0; i < circle.size(); ++i) f.wanted.push_back(circle[(i + 1) % circle.size()]);
  for (int round = 0; round < 2; ++round) {
    const Result<Blob> value = on.executor.materialize(f.recipe("id", {circle[0]}));
    REQUIRE(text_of(value) == "!cycle");
    const std::vector<Address> path = value.error().template path<Address>();
    REQUIRE(path.size() == circle.size() + 1);
    REQUIRE(path.front() == path.back());
    const auto first = std::find(circle.begin(), circle.end(), path.front());
    REQUIRE(first != circle.end());
    for (std::size_t i = 0; i < circle.size(); ++i) {
      REQUIRE(path[i] == circle[(static_cast<std::size_t>(first - circle.begin()) + i) % circle.size()]);
    }
  }
}

TEMPLATE_TEST_CASE("dynamic: a cycle over inputs of recipes is found, whether they are explored before or after", "",
                   DERIVA_EVERY_EXECUTOR) {
  CircleFixture f;
  TestType on(f);
  const Address asker = f.numbered("asks", 0);
  const Address middle = f.recipe("id", {asker});
  const Address above = f.recipe("concat", {f.leaf("a"), middle});
  f.wanted = {above};
  const std::vector<Address> path{asker, above, middle, asker};
  const Result<Blob> over = on.executor.materialize(GENERATE_COPY(asker, above, middle));
  REQUIRE(text_of(over) == "!cycle");
  REQUIRE(over.error().template path<Address>() == path);
}

TEST_CASE("dynamic: a cycle is found over two requests that each asked for one half") {
  CircleFixture f;
  asio::io_context io(1);
  Executor<FunctionRegistry> executor(io.get_executor(), *f.store, f.registry);
  const Address first = f.numbered("asks", 0);
  const Address second = f.numbered("asks", 1);
  f.wanted = {second, first};
  auto one = executor.async_materialize(first, {}, asio::use_future);
  auto other = executor.async_materialize(second, {}, asio::use_future);
  io.run();
  REQUIRE(text_of(one.get()) == "!cycle");
  REQUIRE(text_of(other.get()) == "!cycle");
}

/// A coroutine function, "gated", that waits for the test.
struct GatedFixture : DynamicFixture, GatedIo {
  GatedFixture() {
    add_async("gated", [this](Blobs, Params, Context& context) -> asio::awaitable<Blob> {
      stop = context.stop_token();
      co_await pass_gate();
      co_return Blob::copy_of("g");
    });
  }
  std::stop_token stop;
  Executor<FunctionRegistry> executor{io.get_executor(), *store, registry};
};

TEST_CASE("dynamic: cancelling the request ends the waits below it, and asks everything to stop") {
  GatedFixture f;
  asio::cancellation_signal signal;
  std::string seen;
  const Address gated = f.recipe("gated", {});
  f.executor.async_materialize(
      f.asks({f.asks({gated})}), {},
      asio::bind_cancellation_slot(signal.slot(), [&](const Result<Blob>& value) { seen = text_of(value); }));
  f.poll();
  REQUIRE(f.stop.stop_possible());
  REQUIRE_FALSE(f.stop.stop_requested());
  signal.emit(asio::cancellation_type::terminal);
  f.poll();
  REQUIRE(seen == "!cancelled");
  REQUIRE(f.stop.stop_requested());
  auto newcomer = f.executor.async_materialize(gated, {}, asio::use_future);
  f.poll();
  f.open_gate();
  REQUIRE(text_of(newcomer.get()) == "g");
  REQUIRE(f.runs("gated") == 2);
}

TEST_CASE("dynamic: one of two waiters of what a function asked for may leave") {
  GatedFixture f;
  asio::cancellation_signal signal;
  const Address gated = f.recipe("gated", {});
  auto stays = f.executor.async_materialize(f.asks({gated}), {}, asio::use_future);
  f.executor.async_materialize(gated, {}, asio::bind_cancellation_slot(signal.slot(), [](const Result<Blob>&) {}));
  f.poll();
  signal.emit(asio::cancellation_type::terminal);
  REQUIRE_FALSE(f.stop.stop_requested());
  f.open_gate();
  REQUIRE(text_of(stays.get()) == "(g)");
  REQUIRE(f.runs("gated") == 1);
}

TEST_CASE("dynamic: a function may give up a wait and go on") {
  GatedFixture f;
  const Address gated = f.recipe("gated", {});
  f.add_async("impatient", [&](Blobs, Params, Context& context) -> asio::awaitable<Blob> {
    using namespace asio::experimental::awaitable_operators;
    asio::steady_timer soon(context.get_executor(), 1ms);
    auto either = co_await (context.materialize(gated) || soon.async_wait(asio::use_awaitable));
    co_return Blob::copy_of(either.index() == 0 ? "value" : "time");
  });
  std::string seen;
  f.executor.async_materialize(f.recipe("impatient", {}), {}, [&](const Result<Blob>& value) {
    seen = text_of(value);
    f.io.stop();
  });
  f.io.run();
  REQUIRE(seen == "time");
  REQUIRE(f.stop.stop_requested());
}

TEST_CASE("dynamic: a function that waits for two at once is resumed by each, on one place") {
  DynamicFixture f;
  const Address a = f.asks({f.recipe("concat", {f.leaf("a")})});
  const Address b = f.asks({f.recipe("concat", {f.leaf("b")})});
  f.add_async("both", [&](Blobs, Params, Context& context) -> asio::awaitable<Blob> {
    using namespace asio::experimental::awaitable_operators;
    auto [one, other] = co_await (context.materialize(a) && context.materialize(b));
    co_return Blob::adopt(text_of(one) + text_of(other));
  });
  OnPool<2> on(f, one_place());
  REQUIRE(text_of(on.executor.materialize(f.recipe("both", {}))) == "(a)(b)");
}

TEST_CASE("dynamic: destroying the executor ends what functions wait for") {
  DynamicFixture f;
  asio::io_context io(1);
  asio::steady_timer gate(io, asio::steady_timer::time_point::max());
  f.add_async("gated", [&](Blobs, Params, Context&) -> asio::awaitable<Blob> {
    boost::system::error_code woken;
    co_await gate.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    co_return Blob();
  });
  std::optional<Executor<FunctionRegistry>> executor(std::in_place, io.get_executor(), *f.store, f.registry);
  auto value = executor->async_materialize(f.asks({f.recipe("gated", {})}), {}, asio::use_future);
  io.poll();
  executor.reset();
  gate.cancel();
  io.restart();
  io.run();  // Returns: nothing is left waiting.
  REQUIRE(text_of(value.get()) == "!cancelled");
}

TEMPLATE_TEST_CASE("dynamic: what a function asked for counts for the request", "", DERIVA_EVERY_EXECUTOR) {
  DynamicFixture f;
  TestType on(f);
  Outcome outcome;
  MaterializeOptions options;
  options.outcome = &outcome;
  const Address below = f.recipe("concat", {f.leaf("a")});
  REQUIRE(text_of(on.executor.materialize(f.asks({below}), options)) == "(a)");
  REQUIRE(outcome.computed == 2);
}

// --- Time

TEST_CASE("timeout: a coroutine function fails at once, is asked to stop, and a newcomer starts afresh") {
  ComputeFixture f;
  asio::io_context io(1);
  asio::steady_timer gate(io, asio::steady_timer::time_point::max());
  std::stop_token stop;
  int runs = 0;
  const auto slow = [&](Blobs, Params, Context& context) -> asio::awaitable<Blob> {
    if (++runs == 2) co_return Blob::copy_of("second");
    stop = context.stop_token();
    REQUIRE(context.deadline().has_value());
    boost::system::error_code woken;
    co_await gate.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    co_return Blob::copy_of("late");
  };
  f.registry.add_async({"slow", "1"}, slow, {.timeout = 5ms});
  Executor<FunctionRegistry> executor(io.get_executor(), *f.store, f.registry);
  const Address target = f.recipe("slow", {});
  std::string seen;
  executor.async_materialize(f.recipe("id", {target}), {}, [&](const Result<Blob>& value) {
    seen = text_of(value);
    io.stop();
  });
  io.run();
  REQUIRE(seen == "!deadline_exceeded");
  REQUIRE(stop.stop_requested());
  auto second = executor.async_materialize(target, {}, asio::use_future);
  gate.cancel();
  io.restart();
  io.run();
  REQUIRE(text_of(second.get()) == "second");
}

TEMPLATE_TEST_CASE("timeout: a plain function that returns too late has failed", "", DERIVA_EVERY_EXECUTOR) {
  ComputeFixture f;
  const auto slow = [](std::span<const Blob>, const Params&, Context& context) {
    const auto over = std::max(*context.deadline(), Clock::now() + 2ms);  // It counts from the call.
    while (Clock::now() <= over) continue;
    return Blob::copy_of("late");
  };
  f.registry.add({"slow", "1"}, slow, {.blocking = GENERATE(false, true), .timeout = 2ms});
  TestType on(f);
  const Result<Blob> value = on.executor.materialize(f.recipe("slow", {}));
  REQUIRE(text_of(value) == "!deadline_exceeded");
  REQUIRE(value.error().function()->name == "slow");
}

TEST_CASE("timeout: a request's deadline is visible to the function, and its cancellation to a plain one") {
  ComputeFixture f;
  std::promise<void> begun;
  f.add("patient", [](std::span<const Blob>, const Params&) { return Blob(); });
  std::optional<Clock::time_point> seen;
  f.registry.add({"waits", "1"}, [&](std::span<const Blob>, const Params&, Context& context) {
    seen = context.deadline();
    begun.set_value();
    while (!context.stop_token().stop_requested()) {
    }
    return Blob();
  });
  OnPool<1> on(f);
  MaterializeOptions options;
  options.deadline = Clock::now() + 1h;
  asio::cancellation_signal signal;
  std::promise<std::string> ended;
  on.executor.async_materialize(
      f.recipe("waits", {}), options,
      asio::bind_cancellation_slot(signal.slot(), [&](const Result<Blob>& value) { ended.set_value(text_of(value)); }));
  begun.get_future().get();
  signal.emit(asio::cancellation_type::terminal);
  REQUIRE(ended.get_future().get() == "!cancelled");
  REQUIRE(seen == options.deadline);
}

}  // namespace
}  // namespace deriva::test
