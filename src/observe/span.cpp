#include <deriva/observe/span.hpp>

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

namespace deriva {
namespace {

/// Spans that no flight has a number for are numbered above those, in the order in which they end.
constexpr std::uint64_t other_spans = std::uint64_t{1} << 62U;

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
  /// Of one value; all but the last did not find it.
  using Lookups = std::vector<Event>;

  struct Request {
    TraceContext parent;
    TraceContext context;
    std::unordered_map<Address, Lookups> missed{};
  };
  struct Flight {
    TraceContext request;  ///< That began it.
    event::Time start;
    bool has_run = false;

    [[nodiscard]] TraceContext context(event::FlightNumber number) const { return request.child(number); }
  };

  Request request(event::RequestNumber number, const ObserverHub& hub) const;
  Flight flight(event::FlightNumber number, event::RequestNumber its_request, event::Time started,
                const ObserverHub& hub) const;
  TraceContext next_child(const TraceContext& parent) { return parent.child(other_spans + numbered++); }
  void add(SpanKind kind, const TraceContext& context, const TraceContext& parent, event::Time start,
           const Event& event, event::Ending ending) {
    ended.push_back({kind, context, parent, start, event.time, event, ending});
  }
  event::Time add_lookups(const Lookups& misses, const TraceContext& parent, event::Time start);
  void add_without_flight(const TraceContext& request, const Lookups& lookups, event::Time end, event::Ending ending);

  void on(const Event& event, const event::RequestStarted& started, const ObserverHub& hub);
  void on(const Event& event, const event::RequestFinished& finished, const ObserverHub& hub);
  void on(const Event& event, const event::CacheMiss& miss, const ObserverHub& hub);
  void on(const Event& event, const event::CacheHit& hit, const ObserverHub& hub);
  void on(const Event& event, const event::FlightStarted& started, const ObserverHub& hub);
  void on(const Event& event, const event::FunctionFinished& ran, const ObserverHub& hub);
  void on(const Event& event, const event::FlightFinished& landed, const ObserverHub& hub);
  void on(const Event& event, const event::FlightStored& stored, const ObserverHub& hub);
  template <class Other>
  void on(const Event&, const Other&, const ObserverHub&) {}

  std::unordered_map<event::RequestNumber, Request> requests;
  std::unordered_map<event::FlightNumber, Flight> flights;
  std::vector<Span> ended;  ///< By one event.
  std::uint64_t numbered = 0;
};

SpanBuilder::SpanBuilder() : impl_(std::make_unique<Impl>()) {}
SpanBuilder::SpanBuilder(SpanBuilder&&) noexcept = default;
SpanBuilder& SpanBuilder::operator=(SpanBuilder&&) noexcept = default;
SpanBuilder::~SpanBuilder() = default;

EventSet SpanBuilder::wanted() noexcept {
  return EventSet::of<event::RequestStarted, event::RequestFinished, event::FlightStarted, event::FlightFinished,
                      event::FlightStored, event::FunctionFinished, event::CacheHit, event::CacheMiss>();
}

std::span<const Span> SpanBuilder::feed(const Event& event, const ObserverHub& hub) {
  impl_->ended.clear();
  std::visit([&](const auto& body) { impl_->on(event, body, hub); }, event.body);
  return impl_->ended;
}

/// Where nobody looked when it began, with what its number says.
SpanBuilder::Impl::Request SpanBuilder::Impl::request(event::RequestNumber number, const ObserverHub& hub) const {
  const auto found = requests.find(number);
  return found == requests.end() ? Request{{}, hub.context_of(number)}
                                 : Request{found->second.parent, found->second.context};
}

SpanBuilder::Impl::Flight SpanBuilder::Impl::flight(event::FlightNumber number, event::RequestNumber its_request,
                                                    event::Time started, const ObserverHub& hub) const {
  const auto found = flights.find(number);
  return found == flights.end() ? Flight{request(its_request, hub).context, started} : found->second;
}

/// The look-ups as spans; returns when the first of them, or what they are for, began.
event::Time SpanBuilder::Impl::add_lookups(const Lookups& misses, const TraceContext& parent, event::Time start) {
  for (const Event& event : misses) {
    const auto* const hit = event.as<event::CacheHit>();
    const event::Time began = hit != nullptr ? hit->started : event.as<event::CacheMiss>()->started;
    add(SpanKind::cache_check, next_child(parent), parent, began, event, event::Ending::succeeded);
    start = std::min(start, began);
  }
  return start;
}

/// A value that was found, or never computed for this request.
void SpanBuilder::Impl::add_without_flight(const TraceContext& request, const Lookups& lookups, event::Time end,
                                           event::Ending ending) {
  const TraceContext context = next_child(request);
  const event::Time start = add_lookups(lookups, context, lookups.back().time);
  ended.push_back({SpanKind::materialize, context, request, start, end, lookups.back(), ending});
}

// --- Requests

void SpanBuilder::Impl::on(const Event&, const event::RequestStarted& started, const ObserverHub& hub) {
  requests[started.request] = {started.parent, hub.context_of(started.request, started.parent)};
}

void SpanBuilder::Impl::on(const Event& event, const event::RequestFinished& finished, const ObserverHub& hub) {
  const auto found = requests.find(finished.request);
  const Request ending = found == requests.end() ? request(finished.request, hub) : std::move(found->second);
  if (found != requests.end()) requests.erase(found);
  for (const auto& [address, misses] : ending.missed) {
    add_without_flight(ending.context, misses, event.time,
                       address == finished.target ? finished.ending : event::Ending::cancelled);
  }
  add(SpanKind::request, ending.context, ending.parent, finished.started, event, finished.ending);
}

// --- Looking up

void SpanBuilder::Impl::on(const Event& event, const event::CacheMiss& miss, const ObserverHub& hub) {
  const auto found = requests.find(miss.request);
  if (found != requests.end()) {
    found->second.missed[miss.address].push_back(event);
  } else if (miss.request != 0) {  // Nobody would tell what came of it.
    add_without_flight(hub.context_of(miss.request), {event}, event.time, event::Ending::succeeded);
  }
}

void SpanBuilder::Impl::on(const Event& event, const event::CacheHit& hit, const ObserverHub& hub) {
  if (hit.request == 0) return;
  Lookups lookups;
  const auto found = requests.find(hit.request);
  if (found != requests.end()) {
    if (auto missed = found->second.missed.extract(hit.address)) lookups = std::move(missed.mapped());
  }
  lookups.push_back(event);
  add_without_flight(request(hit.request, hub).context, lookups, event.time, event::Ending::succeeded);
}

// --- Flights

void SpanBuilder::Impl::on(const Event& event, const event::FlightStarted& started, const ObserverHub& hub) {
  Flight begun{request(started.request, hub).context, event.time};
  const auto found = requests.find(started.request);
  if (found != requests.end()) {
    if (const auto missed = found->second.missed.extract(started.address)) {
      begun.start = add_lookups(missed.mapped(), begun.context(started.flight), begun.start);
    }
  }
  flights[started.flight] = begun;
}

/// The first execution has the context that its function was given; others, which were given the same, one of theirs.
void SpanBuilder::Impl::on(const Event& event, const event::FunctionFinished& ran, const ObserverHub& hub) {
  const auto found = flights.find(ran.flight);
  const bool again =
      found == flights.end() ? ran.reason == event::Reason::verifying : std::exchange(found->second.has_run, true);
  const Flight its_flight = flight(ran.flight, ran.request, ran.started, hub);
  const TraceContext parent = its_flight.context(ran.flight);
  add(SpanKind::compute, again ? next_child(parent) : compute_context(its_flight.request, ran.flight), parent,
      ran.started, event, ran.ending);
}

void SpanBuilder::Impl::on(const Event& event, const event::FlightFinished& landed, const ObserverHub& hub) {
  const Flight its_flight = flight(landed.flight, landed.request, landed.started, hub);
  if (!landed.to_store) flights.erase(landed.flight);
  add(SpanKind::materialize, its_flight.context(landed.flight), its_flight.request, its_flight.start, event,
      landed.ending);
}

void SpanBuilder::Impl::on(const Event& event, const event::FlightStored& stored, const ObserverHub& hub) {
  const TraceContext parent = flight(stored.flight, stored.request, stored.started, hub).context(stored.flight);
  flights.erase(stored.flight);
  add(SpanKind::store, next_child(parent), parent, stored.started, event, stored.ending);
}

}  // namespace deriva
