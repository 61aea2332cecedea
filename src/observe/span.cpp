#include <deriva/observe/span.hpp>

#include <unordered_map>

namespace deriva {
namespace {

// The numbers of spans below a request are those of its flights, above these.
constexpr std::uint64_t cache_spans = std::uint64_t{1} << 62U;
constexpr std::uint64_t store_spans = std::uint64_t{1} << 63U;

}  // namespace

std::string_view to_string(SpanKind kind) noexcept {
  switch (kind) {
    case SpanKind::request:
      return "request";
    case SpanKind::materialize:
      return "materialize";
    case SpanKind::cache_check:
      return "cache_check";
    case SpanKind::compute:
      return "compute";
    case SpanKind::store:
      return "store";
  }
  return "unknown";
}

struct SpanBuilder::Impl {
  struct Request {
    TraceContext parent;
    TraceContext context;
  };

  std::unordered_map<event::RequestNumber, Request> requests;
  std::unordered_map<event::FlightNumber, TraceContext> flights;  ///< To the context of the request that began it.
  std::uint64_t numbered = 0;

  TraceContext request(event::RequestNumber number, const ObserverHub& hub) const {
    const auto found = requests.find(number);
    return found == requests.end() ? hub.context_of(number) : found->second.context;
  }
  TraceContext flight(event::FlightNumber number, event::RequestNumber its_request, const ObserverHub& hub) const {
    const auto found = flights.find(number);
    return found == flights.end() ? request(its_request, hub) : found->second;
  }
};

SpanBuilder::SpanBuilder() : impl_(std::make_unique<Impl>()) {}
SpanBuilder::SpanBuilder(SpanBuilder&&) noexcept = default;
SpanBuilder& SpanBuilder::operator=(SpanBuilder&&) noexcept = default;
SpanBuilder::~SpanBuilder() = default;

EventSet SpanBuilder::wanted() noexcept {
  return EventSet::of<event::RequestStarted, event::RequestFinished, event::FlightStarted, event::FlightFinished,
                      event::FunctionFinished, event::CacheHit, event::CacheMiss, event::ResultsStored>();
}

std::optional<Span> SpanBuilder::feed(const Event& event, const ObserverHub& hub) {
  const auto lookup = [&](event::RequestNumber request, event::Time started) {
    const TraceContext parent = impl_->request(request, hub);
    return Span{
        SpanKind::cache_check,   parent.child(cache_spans + impl_->numbered++), parent, started, event.time, event,
        event::Ending::succeeded};
  };
  if (const auto* started = event.as<event::RequestStarted>()) {
    impl_->requests[started->request] = {started->parent, hub.context_of(started->request, started->parent)};
  } else if (const auto* begun = event.as<event::FlightStarted>()) {
    impl_->flights[begun->flight] = impl_->request(begun->request, hub);
  } else if (const auto* hit = event.as<event::CacheHit>()) {
    return lookup(hit->request, hit->started);
  } else if (const auto* miss = event.as<event::CacheMiss>()) {
    return lookup(miss->request, miss->started);
  } else if (const auto* ran = event.as<event::FunctionFinished>()) {
    const TraceContext request = impl_->flight(ran->flight, ran->request, hub);
    return Span{SpanKind::compute,
                compute_context(request, ran->flight),
                request.child(ran->flight),
                ran->started,
                event.time,
                event,
                ran->ending};
  } else if (const auto* landed = event.as<event::FlightFinished>()) {
    const TraceContext request = impl_->flight(landed->flight, landed->request, hub);
    impl_->flights.erase(landed->flight);
    return Span{SpanKind::materialize, request.child(landed->flight), request, landed->started, event.time, event,
                landed->ending};
  } else if (const auto* stored = event.as<event::ResultsStored>()) {
    const TraceContext parent = impl_->request(stored->request, hub);
    return Span{
        SpanKind::store, parent.child(store_spans + impl_->numbered++), parent, stored->started, event.time, event,
        stored->ending};
  } else if (const auto* ended = event.as<event::RequestFinished>()) {
    const auto found = impl_->requests.find(ended->request);
    const Impl::Request request =
        found == impl_->requests.end() ? Impl::Request{{}, hub.context_of(ended->request)} : found->second;
    if (found != impl_->requests.end()) impl_->requests.erase(found);
    return Span{SpanKind::request, request.context, request.parent, ended->started, event.time, event, ended->ending};
  }
  return std::nullopt;
}

}  // namespace deriva
