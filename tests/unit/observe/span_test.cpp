#include <deriva/observe/span.hpp>

#include <algorithm>
#include <map>
#include <set>

#include "observe_fixture.hpp"

namespace deriva {
namespace {

using test::labelled;
using test::Script;

/// Feeds a builder.
class Spans final : public Observer {
 public:
  void on_events(const EventBatch& batch) override {
    for (const Event& event : batch.events) {
      const auto ended = builder_.feed(event, batch.hub);
      spans.insert(spans.end(), ended.begin(), ended.end());
    }
  }
  const Span& only(SpanKind kind) const {
    const Span* found = nullptr;
    for (const Span& span : spans) {
      if (span.kind != kind) continue;
      REQUIRE(found == nullptr);
      found = &span;
    }
    INFO("no span " << to_string(kind));
    REQUIRE(found != nullptr);
    return *found;
  }
  std::vector<Span> spans;

 private:
  SpanBuilder builder_;
};

TEST_CASE("spans: a request's spans nest as documented, in its caller's trace") {
  const auto caller = *TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  Script script;
  const auto spans = std::make_shared<Spans>();
  const ObserverId id = script.hub.attach(spans);
  script.at(0, event::RequestStarted{1, labelled("a"), caller});
  script.at(1, event::CacheMiss{1, script.time(0), labelled("a"), event::Tier::memory});
  script.ran(5, 1, "f/1", labelled("a"), 2, 8);
  script.at(10, event::FlightStored{5, 1, script.time(9), labelled("a"), 5, event::Ending::succeeded});
  script.at(11, event::RequestFinished{1, script.time(0), labelled("a"), 5, 1, event::Ending::succeeded});
  script.hub.detach(id);

  const Span& request = spans->only(SpanKind::request);
  const Span& flight = spans->only(SpanKind::materialize);
  const Span& compute = spans->only(SpanKind::compute);
  CHECK(spans->spans.size() == 5);
  CHECK(request.parent == caller);
  CHECK(spans->only(SpanKind::cache_check).parent == flight.context);
  CHECK(flight.parent == request.context);
  CHECK(compute.parent == flight.context);
  CHECK(spans->only(SpanKind::store).parent == flight.context);
  std::map<std::array<std::uint8_t, 8>, int> ids;
  for (const Span& span : spans->spans) {
    CHECK(span.context.trace_id == caller.trace_id);
    CHECK(++ids[span.context.span_id] == 1);
  }
  CHECK(flight.start == script.time(0));  // With the first look for the value.
  CHECK(flight.end == script.time(8));
  CHECK(compute.start == script.time(2));
  CHECK(compute.end == script.time(8));
  CHECK(compute.event.as<event::FunctionFinished>()->address == labelled("a"));
  // What the function was told to pass on is the span that came of it.
  CHECK(compute.context == compute_context(script.hub.context_of(1, caller), 5));
}

TEST_CASE("spans: a flight belongs to the request that began it, also after that has ended") {
  Script script;
  const auto spans = std::make_shared<Spans>();
  const ObserverId id = script.hub.attach(spans);
  script.at(0, event::RequestStarted{1, labelled("a"), {}});
  script.at(0, event::RequestStarted{2, labelled("a"), {}});
  script.at(1, event::FlightStarted{5, 1, labelled("a")});
  script.at(2, event::FlightJoined{5, 2, labelled("a")});
  script.at(3, event::RequestFinished{1, script.time(0), labelled("a"), 0, 0, event::Ending::cancelled});
  script.at(4, event::FlightFinished{5, 1, script.time(1), labelled("a"), event::Ending::failed});
  script.hub.detach(id);
  CHECK(spans->only(SpanKind::materialize).parent == spans->only(SpanKind::request).context);
  CHECK(spans->only(SpanKind::materialize).ending == event::Ending::failed);
  CHECK(spans->only(SpanKind::request).ending == event::Ending::cancelled);
  CHECK_FALSE(spans->only(SpanKind::request).parent.valid());
  CHECK(spans->only(SpanKind::request).context.valid());
}

TEST_CASE("spans: what began before anybody looked has a span that fits") {
  Script script;
  const auto spans = std::make_shared<Spans>();
  script.hub.attach(spans);
  script.ran(5, 1, "f/1", labelled("a"), 2, 8);
  script.at(11, event::RequestFinished{1, script.time(0), labelled("a"), 5, 1, event::Ending::succeeded});
  script.hub.flush();
  CHECK(spans->only(SpanKind::compute).parent == spans->only(SpanKind::materialize).context);
  CHECK(spans->only(SpanKind::materialize).parent == spans->only(SpanKind::request).context);
}

TEST_CASE("spans: a value that is found is materialized by its look-ups") {
  Script script;
  const auto spans = std::make_shared<Spans>();
  const ObserverId id = script.hub.attach(spans);
  script.at(0, event::RequestStarted{1, labelled("a"), {}});
  script.at(2, event::CacheMiss{1, script.time(1), labelled("a"), event::Tier::memory});
  script.at(4, event::CacheHit{1, script.time(3), labelled("a"), 5, event::Tier::store});
  script.at(5, event::RequestFinished{1, script.time(0), labelled("a"), 5, 0, event::Ending::succeeded});
  script.hub.detach(id);
  REQUIRE(spans->spans.size() == 4);
  const Span& found = spans->only(SpanKind::materialize);
  CHECK(found.parent == spans->only(SpanKind::request).context);
  CHECK(found.start == script.time(1));
  CHECK(found.end == script.time(4));
  CHECK(found.event.as<event::CacheHit>() != nullptr);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(spans->spans[i].kind == SpanKind::cache_check);
    CHECK(spans->spans[i].parent == found.context);
  }
  CHECK(spans->spans[0].context != spans->spans[1].context);
}

TEST_CASE("spans: what a request looked for and did not compute is not left without its parent") {
  Script script;
  const auto spans = std::make_shared<Spans>();
  const ObserverId id = script.hub.attach(spans);
  script.at(0, event::RequestStarted{1, labelled("top"), {}});
  script.at(1, event::CacheMiss{1, script.time(1), labelled("top"), event::Tier::store});
  script.at(2, event::CacheMiss{1, script.time(2), labelled("below"), event::Tier::store});
  script.at(3, event::RequestFinished{1, script.time(0), labelled("top"), 0, 0, event::Ending::failed});
  // Of another request: the flight is not this one's.
  script.at(4, event::RequestStarted{2, labelled("top"), {}});
  script.at(5, event::FlightStarted{5, 2, labelled("top")});
  script.at(6, event::FlightFinished{5, 2, script.time(5), labelled("top"), event::Ending::succeeded});
  script.hub.detach(id);
  std::map<Address, event::Ending> endings;
  for (const Span& span : spans->spans) {
    if (span.kind == SpanKind::materialize && span.event.as<event::CacheMiss>() != nullptr) {
      endings[span.event.as<event::CacheMiss>()->address] = span.ending;
      CHECK(span.parent == spans->only(SpanKind::request).context);
      CHECK(span.end == script.time(3));
    }
    if (span.kind == SpanKind::cache_check) {
      CHECK(std::ranges::count(spans->spans, span.parent, &Span::context) == 1);
    }
  }
  CHECK(endings == std::map<Address, event::Ending>{{labelled("top"), event::Ending::failed},
                                                    {labelled("below"), event::Ending::cancelled}});
}

TEST_CASE("spans: a result that is written after its request has ended stays in its caller's trace") {
  const auto caller = *TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  Script script;
  const auto spans = std::make_shared<Spans>();
  const ObserverId id = script.hub.attach(spans);
  script.at(0, event::RequestStarted{1, labelled("a"), caller});
  script.at(1, event::FlightStarted{5, 1, labelled("a")});
  script.at(2, event::FlightFinished{5, 1, script.time(1), labelled("a"), event::Ending::succeeded, true});
  script.at(3, event::RequestFinished{1, script.time(0), labelled("a"), 0, 0, event::Ending::succeeded});
  script.at(5, event::FlightStored{5, 1, script.time(4), labelled("a"), 5, event::Ending::succeeded});
  script.hub.detach(id);
  CHECK(spans->only(SpanKind::store).parent == spans->only(SpanKind::materialize).context);
  CHECK(spans->only(SpanKind::store).context.trace_id == caller.trace_id);
}

TEST_CASE("spans: no two executions of one flight are the same span") {
  Script script;
  const auto spans = std::make_shared<Spans>();
  const ObserverId id = script.hub.attach(spans);
  script.at(0, event::RequestStarted{1, labelled("a"), {}});
  script.at(1, event::FlightStarted{5, 1, labelled("a")});
  const auto runs = [&](int to, event::Reason reason) {
    script.at(to, event::FunctionFinished{5, 1, script.time(1), labelled("a"), 1, 1, {}, reason, {}});
  };
  runs(2, event::Reason::never_computed);
  runs(3, event::Reason::verifying);
  runs(4, event::Reason::never_computed);  // Tried again.
  script.at(5, event::FlightFinished{5, 1, script.time(1), labelled("a"), event::Ending::succeeded});
  script.hub.detach(id);
  const TraceContext flight = spans->only(SpanKind::materialize).context;
  std::set<std::array<std::uint8_t, 8>> ids;
  for (const Span& span : spans->spans) {
    if (span.kind != SpanKind::compute) continue;
    CHECK(span.parent == flight);
    ids.insert(span.context.span_id);
  }
  CHECK(ids.size() == 3);
  CHECK(ids.count(compute_context(script.hub.context_of(1), 5).span_id) == 1);
}

TEST_CASE("spans: what no request asked for has none") {
  Script script;
  const auto spans = std::make_shared<Spans>();
  const ObserverId id = script.hub.attach(spans);
  script.at(1, event::CacheMiss{0, script.time(0), labelled("a"), event::Tier::memory});
  script.at(1, event::CacheHit{0, script.time(0), labelled("a"), 5, event::Tier::store});
  script.hub.detach(id);
  CHECK(spans->spans.empty());
}

TEST_CASE("spans: each kind has a name") {
  CHECK(to_string(SpanKind::request) == "request");
  CHECK(to_string(SpanKind::materialize) == "materialize");
  CHECK(to_string(SpanKind::cache_check) == "cache_check");
  CHECK(to_string(SpanKind::compute) == "compute");
  CHECK(to_string(SpanKind::store) == "store");
}

}  // namespace
}  // namespace deriva
