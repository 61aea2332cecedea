#include <deriva/observe/span.hpp>

#include <map>

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
      if (auto span = builder_.feed(event, batch.hub)) spans.push_back(*span);
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
  script.at(10, event::ResultsStored{1, script.time(9), 1, 5, event::Ending::succeeded});
  script.at(11, event::RequestFinished{1, script.time(0), labelled("a"), 5, 1, event::Ending::succeeded});
  script.hub.detach(id);

  const Span& request = spans->only(SpanKind::request);
  const Span& flight = spans->only(SpanKind::materialize);
  const Span& compute = spans->only(SpanKind::compute);
  CHECK(spans->spans.size() == 5);
  CHECK(request.parent == caller);
  CHECK(spans->only(SpanKind::cache_check).parent == request.context);
  CHECK(flight.parent == request.context);
  CHECK(compute.parent == flight.context);
  CHECK(spans->only(SpanKind::store).parent == request.context);
  std::map<std::array<std::uint8_t, 8>, int> ids;
  for (const Span& span : spans->spans) {
    CHECK(span.context.trace_id == caller.trace_id);
    CHECK(++ids[span.context.span_id] == 1);
  }
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

TEST_CASE("spans: each kind has a name") {
  CHECK(to_string(SpanKind::request) == "request");
  CHECK(to_string(SpanKind::materialize) == "materialize");
  CHECK(to_string(SpanKind::cache_check) == "cache_check");
  CHECK(to_string(SpanKind::compute) == "compute");
  CHECK(to_string(SpanKind::store) == "store");
}

}  // namespace
}  // namespace deriva
