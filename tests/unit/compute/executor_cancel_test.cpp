#include <algorithm>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include "compute/engine.hpp"
#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"
#include "unit/compute/gated_io.hpp"
#include "unit/compute/seeded_scheduler.hpp"

namespace deriva::test {
namespace {

namespace asio = boost::asio;
using asio::cancellation_type;

/// Functions that wait until the test lets them go on: "gated", a coroutine, and requests that can be cancelled.
struct CancelFixture : ComputeFixture, GatedIo {
  CancelFixture() {
    add_async("gated", [this](std::vector<Blob>, Params, Context& context) -> asio::awaitable<Blob> {
      stops.push_back(context.stop_token());
      co_await pass_gate();
      co_return Blob::copy_of("g");
    });
  }

  struct Request {
    asio::cancellation_signal signal;
    std::string seen;
    int calls = 0;
  };
  void start(Request& request, const Address& target) {
    executor.async_materialize(target, {},
                               asio::bind_cancellation_slot(request.signal.slot(), [&](const Result<Blob>& value) {
                                 request.seen = text_of(value);
                                 ++request.calls;
                               }));
  }

  std::vector<std::stop_token> stops;
  Executor<FunctionRegistry> executor{io.get_executor(), *store, registry};
};

struct Ignored final : detail::Completion<Blob> {
  void complete(Result<Blob>) noexcept override { delete this; }
  void destroy() noexcept override { delete this; }
};

TEST_CASE("cancellation: a function that was given up before it began does not begin") {
  const char* kind = GENERATE("coroutine", "blocking", "blocking without a context");
  int begun_before = 0;
  for (int steps = 0; steps < 12; ++steps) {  // There are no more before the function has ended.
    ComputeFixture f;
    f.add_async("coroutine", [](std::vector<Blob>, Params, Context&) -> asio::awaitable<Blob> { co_return Blob(); });
    int blocking = 0;
    auto count = [&](std::span<const Blob>, const Params&) { return ++blocking, Blob(); };
    auto count_with = [&](std::span<const Blob>, const Params&, Context&) { return ++blocking, Blob(); };
    f.registry.add({"blocking", "1"}, count_with, {.blocking = true});
    f.registry.add({"blocking without a context", "1"}, count, {.blocking = true});
    const Address target = f.recipe(kind, {});
    Random random(1);
    auto made = std::make_unique<SeededScheduler>(random);
    SeededScheduler& scheduler = *made;
    const auto engine = detail::Engine::make(std::move(made), *f.store, f.resolver(), ExecutorOptions{});
    const detail::RequestId request = engine->next_request();
    engine->start(request, target, {}, detail::Completion<Blob>::Ptr(new Ignored));
    for (int i = 0; i < steps; ++i) scheduler.step();
    const int begun = f.runs("coroutine") + blocking;
    engine->cancel(request);
    while (scheduler.step()) continue;
    REQUIRE(f.runs("coroutine") + blocking == begun);
    begun_before += begun;
    engine->shutdown();
  }
  REQUIRE(begun_before > 0);
}

TEST_CASE("cancellation: one of two waiters leaves, the other gets the value") {
  CancelFixture f;
  const Address target = f.recipe("concat", {f.recipe("gated", {})});
  CancelFixture::Request leaves;
  CancelFixture::Request stays;
  const bool first_leaves = GENERATE(true, false);
  f.start(first_leaves ? leaves : stays, target);
  f.poll();
  f.start(first_leaves ? stays : leaves, target);
  leaves.signal.emit(GENERATE(cancellation_type::terminal, cancellation_type::partial, cancellation_type::total));
  f.poll();
  REQUIRE(leaves.seen == "!cancelled");
  REQUIRE(stays.seen.empty());
  REQUIRE_FALSE(f.stops.at(0).stop_requested());
  f.open_gate();
  REQUIRE(stays.seen == "g");
  REQUIRE(leaves.calls == 1);
  REQUIRE(f.runs("gated") == 1);
}

TEST_CASE("cancellation: the last waiter leaving asks to stop, and what has not begun never begins") {
  CancelFixture f;
  const Address target = f.recipe("concat", {f.recipe("gated", {})});
  CancelFixture::Request request;
  f.start(request, target);
  f.poll();
  REQUIRE(f.stops.size() == 1);
  request.signal.emit(cancellation_type::terminal);
  REQUIRE(f.stops[0].stop_requested());
  f.poll();
  REQUIRE(request.seen == "!cancelled");
  f.open_gate();
  REQUIRE(f.runs("concat") == 0);
  REQUIRE_FALSE(f.store->result(target).value());
}

TEST_CASE("cancellation: the outcome takes what runs for what never began") {
  CancelFixture f;
  Outcome outcome;
  MaterializeOptions options;
  options.outcome = &outcome;
  asio::cancellation_signal signal;
  std::string seen;
  const Address target = f.recipe("concat", {f.recipe("gated", {}), f.recipe("concat", {})});
  f.executor.async_materialize(
      target, options,
      asio::bind_cancellation_slot(signal.slot(), [&](const Result<Blob>& value) { seen = text_of(value); }));
  f.poll();
  signal.emit(cancellation_type::terminal);
  f.poll();
  REQUIRE(seen == "!cancelled");
  REQUIRE(outcome.computed == 1);
  REQUIRE(outcome.running == 1);
  REQUIRE(outcome.never_started == 1);
}

TEST_CASE("cancellation: before the I/O executor ran at all") {
  CancelFixture f;
  CancelFixture::Request request;
  f.start(request, f.recipe("concat", {f.recipe("gated", {})}));
  request.signal.emit(cancellation_type::terminal);
  REQUIRE(request.seen.empty());  // Not inside the call.
  f.poll();
  REQUIRE(request.seen == "!cancelled");
  REQUIRE(f.runs() == 0);
}

TEST_CASE("cancellation: a newcomer after the last waiter left starts afresh, and is not ended by the old flight") {
  CancelFixture f;
  const Address target = f.recipe("gated", {});
  CancelFixture::Request left;
  f.start(left, target);
  f.poll();
  left.signal.emit(cancellation_type::terminal);
  CancelFixture::Request newcomer;
  f.start(newcomer, target);
  f.poll();
  REQUIRE(f.runs("gated") == 2);
  REQUIRE(f.stops[0].stop_requested());
  REQUIRE_FALSE(f.stops[1].stop_requested());
  f.open_gate();
  REQUIRE(newcomer.seen == "g");
  REQUIRE(left.seen == "!cancelled");
}

TEST_CASE("cancellation: after the completion, and of what is already coming, is harmless") {
  CancelFixture f;
  CancelFixture::Request request;
  f.start(request, f.leaf("a"));
  request.signal.emit(cancellation_type::terminal);  // The value was there: it is on its way.
  f.poll();
  REQUIRE(request.seen == "a");
  request.signal.emit(cancellation_type::terminal);
  f.poll();
  REQUIRE(request.calls == 1);
}

TEST_CASE("cancellation: a failure asks coroutine functions to stop that only the failed request needed") {
  CancelFixture f;
  f.add("bad", [](std::span<const Blob>, const Params&) -> Blob { throw 1; });
  const Address gated = f.recipe("gated", {});
  CancelFixture::Request request;
  f.start(request, f.recipe("concat", {f.recipe("bad", {gated}), gated, f.recipe("bad", {f.leaf("a")})}));
  f.poll();
  REQUIRE(request.seen == "!function_failed");
  for (const std::stop_token& stop : f.stops) REQUIRE(stop.stop_requested());

  f.open_gate();  // What was abandoned is gone: a later cancellation has nothing to do with it.
  CancelFixture::Request other;
  f.start(other, f.recipe("id", {gated}));
  f.poll();
  other.signal.emit(cancellation_type::terminal);
  f.open_gate();
  REQUIRE(other.seen == "!cancelled");
}

TEST_CASE("cancellation: what waits for a place among the coroutine functions, and is not wanted, is not started") {
  CancelFixture f;
  ExecutorOptions options;
  options.coroutine_concurrency = 1;
  Executor<FunctionRegistry> executor(f.io.get_executor(), *f.store, f.registry, options);
  std::vector<asio::cancellation_signal> signals(3);
  std::vector<std::string> seen(3);
  for (std::size_t i = 0; i < 3; ++i) {
    executor.async_materialize(f.numbered("gated", static_cast<std::int64_t>(i)), {},
                               asio::bind_cancellation_slot(signals[i].slot(), [&seen, i](const Result<Blob>& value) {
                                 seen[i] = text_of(value);
                               }));
  }
  f.poll();
  REQUIRE(f.runs("gated") == 1);
  signals[1].emit(cancellation_type::terminal);
  for (int i = 0; i < 3; ++i) {
    f.open_gate();
  }
  REQUIRE(f.runs("gated") == 2 + (seen[0] == "!cancelled" ? 1 : 0));
  REQUIRE(std::count(seen.begin(), seen.end(), "g") == 2);
  REQUIRE(seen[1] == "!cancelled");
}

}  // namespace
}  // namespace deriva::test
