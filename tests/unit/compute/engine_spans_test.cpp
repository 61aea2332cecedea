// The spans that come of what engines tell.
#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <deriva/observe/span.hpp>

#include "events_fixture.hpp"

namespace deriva {
namespace {

using test::ObservedFixture;
using test::OnPool;
using test::OnThisThread;
using SpanId = std::array<std::uint8_t, 8>;

/// All spans of what was told, by their ids.
class Trace {
 public:
  explicit Trace(ObservedFixture& f) {
    SpanBuilder builder;
    for (const Event& event : f.take()) {
      for (const Span& span : builder.feed(event, *f.hub)) {
        INFO("two spans of one id: " << to_string(span.kind));
        REQUIRE(spans_.emplace(span.context.span_id, span).second);
      }
    }
  }
  const Span* parent_of(const Span& span) const {
    const auto found = spans_.find(span.parent.span_id);
    return found == spans_.end() ? nullptr : &found->second;
  }
  std::vector<Span> of(SpanKind kind) const {
    std::vector<Span> some;
    for (const auto& [id, span] : spans_) {
      if (span.kind == kind) some.push_back(span);
    }
    return some;
  }
  Span only(SpanKind kind) const {
    const std::vector<Span> some = of(kind);
    REQUIRE(some.size() == 1);
    return some[0];
  }
  /// How many of a kind are below the span.
  std::ptrdiff_t below(const Span& parent, SpanKind kind) const {
    return std::ranges::count_if(
        spans_, [&](const auto& one) { return one.second.kind == kind && one.second.parent == parent.context; });
  }
  /// Each span below a request has a parent of the right kind, in its trace, that began before it.
  void require_nested(const TraceContext& caller) const {
    for (const auto& [id, span] : spans_) {
      INFO(to_string(span.kind) << " at the end of " << name_of(span.event.body));
      REQUIRE(span.context.trace_id == caller.trace_id);
      if (span.kind == SpanKind::request) {
        CHECK(span.parent == caller);
        continue;
      }
      const Span* const parent = parent_of(span);
      REQUIRE(parent != nullptr);
      CHECK(parent->context == span.parent);
      CHECK(parent->kind == (span.kind == SpanKind::materialize ? SpanKind::request : SpanKind::materialize));
      CHECK(parent->start <= span.start);
      if (span.kind == SpanKind::cache_check || span.kind == SpanKind::compute) CHECK(span.end <= parent->end);
    }
  }

 private:
  std::map<SpanId, Span> spans_;
};

MaterializeOptions traced() {
  MaterializeOptions options = test::durable();
  options.trace = *TraceContext::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  return options;
}

/// Rows of four, each of which needs two of the row below; every other function is a coroutine.
Address rows_of_four(ObservedFixture& f) {
  std::vector<Address> row(4, f.leaf("a"));
  for (std::int64_t i = 0; i < 20; ++i) {
    std::vector<Address> next;
    for (std::int64_t j = 0; j < 4; ++j) {
      const auto at = static_cast<std::size_t>(j);
      next.push_back(f.numbered(j % 2 == 0 ? "id" : "twice", 4 * i + j, {row[at], row[(at + 1) % 4]}));
    }
    row = next;
  }
  return f.recipe("concat", row);
}

TEMPLATE_TEST_CASE("spans: of what several threads and coroutines compute none is without its parent", "", OnPool<1>,
                   OnPool<3>, OnThisThread) {
  ObservedFixture f;
  f.add_async("twice", [](std::vector<Blob> inputs, Params, Context&) -> boost::asio::awaitable<Result<Blob>> {
    co_return inputs[1];
  });
  const Address top = rows_of_four(f);
  ExecutorOptions options = f.observed();
  options.flush_results = 7;
  TestType on(f, options);
  REQUIRE(on.executor.materialize(top, traced()).has_value());
  const Trace trace(f);
  trace.require_nested(traced().trace);
  std::size_t computed = 0;
  for (const Span& span : trace.of(SpanKind::materialize)) {
    CHECK(trace.below(span, SpanKind::cache_check) > 0);
    if (span.event.as<event::FlightFinished>() == nullptr) continue;
    ++computed;
    CHECK(trace.below(span, SpanKind::compute) == 1);
    CHECK(trace.below(span, SpanKind::store) == 1);
  }
  CHECK(computed == 81);
}

TEMPLATE_TEST_CASE("spans: what is written after its request has ended stays in its caller's trace", "", OnPool<2>,
                   OnThisThread) {
  ObservedFixture f;
  MaterializeOptions options = traced();
  options.durable = false;
  TestType on(f, f.observed());
  REQUIRE(on.executor.materialize(f.recipe("id", {f.leaf("a")}), options).has_value());
  REQUIRE(on.executor.flush().has_value());
  const Trace trace(f);
  trace.require_nested(options.trace);
  CHECK(trace.of(SpanKind::store).size() == 1);
}

TEMPLATE_TEST_CASE("spans: a value that is stored has look-ups below the way to it", "", OnPool<2>, OnThisThread) {
  ObservedFixture f;
  const Address below = f.recipe("id", {f.leaf("abc")});
  REQUIRE(OnThisThread(f).executor.materialize(below).has_value());
  f.take();
  TestType on(f, f.observed());
  REQUIRE(on.executor.materialize(below, traced()).has_value());
  const Trace trace(f);
  trace.require_nested(traced().trace);
  CHECK(trace.below(trace.only(SpanKind::materialize), SpanKind::cache_check) == 2);  // In memory, and in the store.
}

TEST_CASE("spans: what is planned without a store and found in memory belongs to its request") {
  ObservedFixture f;
  const Address below = f.numbered("concat", 1);
  ExecutorOptions options = f.observed();
  options.store_results = false;
  OnThisThread on(f, options);
  REQUIRE(on.executor.materialize(below).has_value());
  f.take();
  MaterializeOptions of_request = traced();
  of_request.durable = false;
  REQUIRE(on.executor.materialize(f.recipe("id", {below}), of_request).has_value());
  const Trace trace(f);
  trace.require_nested(of_request.trace);
  const std::vector<Span> checks = trace.of(SpanKind::cache_check);
  CHECK(std::ranges::count_if(checks, [&](const Span& span) {
          const auto* const hit = span.event.as<event::CacheHit>();
          return hit != nullptr && hit->address == below;
        }) == 1);
  CHECK(trace.of(SpanKind::store).empty());
}

TEMPLATE_TEST_CASE("spans: what a function asks for belongs to the request that it runs for", "", OnPool<2>,
                   OnThisThread) {
  ObservedFixture f;
  const Address computed = f.numbered("concat", 1);
  const Address leaf = f.leaf("abc");
  f.add_async("asks", [&](std::vector<Blob>, Params, Context& context) -> boost::asio::awaitable<Result<Blob>> {
    const Result<Blob> first = co_await context.materialize(computed);
    if (!first) co_return first;
    co_return co_await context.materialize(leaf);
  });
  TestType on(f, f.observed());
  REQUIRE(on.executor.materialize(f.recipe("asks", {}), traced()).has_value());
  const Trace trace(f);
  trace.require_nested(traced().trace);
  CHECK(trace.of(SpanKind::compute).size() == 2);
}

TEMPLATE_TEST_CASE("spans: each execution of a verified function has its own", "", OnPool<3>, OnThisThread) {
  ObservedFixture f;
  TestType on(f, f.observed());
  MaterializeOptions options = traced();
  options.verify = Verify::always();
  REQUIRE(on.executor.materialize(f.recipe("id", {f.recipe("id", {f.leaf("a")})}), options).has_value());
  const Trace trace(f);
  trace.require_nested(options.trace);
  CHECK(trace.of(SpanKind::compute).size() == 4);
}

TEMPLATE_TEST_CASE("spans: a request that fails leaves no look-up without its parent", "", OnPool<2>, OnThisThread) {
  ObservedFixture f;
  const Address never = f.recipe("id", {f.recipe("fails", {})});
  TestType on(f, f.observed());
  REQUIRE_FALSE(on.executor.materialize(never, traced()).has_value());
  const Trace trace(f);
  trace.require_nested(traced().trace);
  std::map<Address, event::Ending> endings;
  for (const Span& span : trace.of(SpanKind::materialize)) {
    if (const auto* const miss = span.event.as<event::CacheMiss>()) endings[miss->address] = span.ending;
  }
  CHECK(endings == std::map<Address, event::Ending>{{never, event::Ending::failed}});
}

TEST_CASE("spans: a result that contradicts the stored one is not told as stored") {
  ObservedFixture f;
  const Address top = f.numbered("concat", 1, {f.leaf("a")});
  OnThisThread on(f, f.observed());
  f.add("puts", [&](std::span<const Blob>, const Params&) {
    f.store_as(top, "another value");  // Another process was faster.
    return Blob::copy_of("put");
  });
  const Address both = f.recipe("concat", {top, f.recipe("puts", {top})});
  REQUIRE_FALSE(on.executor.materialize(both, traced()).has_value());
  std::map<Address, event::Ending> endings;
  for (const auto& stored : f.take_all<event::FlightStored>()) endings[stored.address] = stored.ending;
  CHECK(endings.at(top) == event::Ending::failed);
}

TEST_CASE("spans: the trace of the caller reaches the function and is that of its span") {
  ObservedFixture f;
  TraceContext seen;
  f.add_async("calls", [&](std::vector<Blob>, Params, Context& context) -> boost::asio::awaitable<Result<Blob>> {
    seen = context.trace();
    co_return Blob::copy_of("x");
  });
  OnPool<2> on(f, f.observed());
  REQUIRE(on.executor.materialize(f.recipe("calls", {}), traced()).has_value());
  const Trace trace(f);
  CHECK(seen == trace.only(SpanKind::compute).context);
  trace.require_nested(traced().trace);

  // Nobody listens: the caller's own.
  f.hub->detach(f.id);
  REQUIRE(on.executor.materialize(f.numbered("calls", 2), traced()).has_value());
  CHECK(seen == traced().trace);
}

}  // namespace
}  // namespace deriva
