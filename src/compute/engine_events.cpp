#include "compute/engine_events.hpp"

#include "compute/comparison.hpp"
#include "compute/function_table.hpp"

namespace deriva::detail {
namespace {

event::Ending ending_of(const Result<Blob>& result) {
  if (result) return event::Ending::succeeded;
  return result.error().code() == Errc::cancelled ? event::Ending::cancelled : event::Ending::failed;
}

event::Reason reason_of(RunReason reason) {
  switch (reason) {
    case RunReason::never_computed:
      break;
    case RunReason::evicted:
      return event::Reason::evicted;
    case RunReason::forced:
      return event::Reason::forced;
    case RunReason::function_version_changed:
      return event::Reason::function_version_changed;
    case RunReason::input_changed:
      return event::Reason::input_changed;
  }
  return event::Reason::never_computed;
}

event::Reason reason_of(const Plan::Task& job, bool again) {
  return again ? event::Reason::verifying : reason_of(job.reason);
}

}  // namespace

EngineEvents::EngineEvents(std::shared_ptr<ObserverHub> hub)
    : hub_(std::move(hub)), numbers_(hub_ ? hub_->take_numbers() : 0), last_flight_(numbers_) {}

// --- Requests

EngineEvents::Time EngineEvents::request_started(RequestId request, const Address& target,
                                                 const TraceContext& parent) const {
  if (!on()) return {};
  const Time now = event::Clock::now();
  hub_->emit_at(now, event::RequestStarted{number_of(request), target, parent});
  return now;
}

void EngineEvents::request_answered(RequestId request, Time started, const Address& target,
                                    const Result<Blob>& result) const {
  if (started == Time()) return;
  event::RequestFinished finished{number_of(request),          started, target,
                                  result ? result->size() : 0, 0,       ending_of(result)};
  finished.reused = result ? 1 : 0;
  if (!result) finished.error = result.error().code();
  hub_->emit(finished);
}

void EngineEvents::request_finished(const Request& request, const Result<Blob>& result) const {
  if (request.started == Time()) return;
  const Outcome& outcome = request.outcome;
  event::RequestFinished finished{number_of(request.id),       request.started,  request.target,
                                  result ? result->size() : 0, outcome.computed, ending_of(result)};
  finished.reused = outcome.reused;
  finished.joined = static_cast<std::uint32_t>(outcome.joined);
  finished.failed = static_cast<std::uint32_t>(outcome.failed);
  finished.depth = request.depth;
  if (!result) finished.error = result.error().code();
  hub_->emit(finished);
}

void EngineEvents::plan_began(const RequestPtr& request) {
  if (request->started != Time()) planning_.push_back(request);
}

void EngineEvents::plans_made() {
  for (const RequestPtr& request : planning_) {
    if (request->over) continue;
    hub_->emit(event::PlanMade{number_of(request->id), request->progress.planned, request->progress.reused});
  }
  planning_.clear();
}

// --- Looking up

void EngineEvents::looked_up(event::Tier tier, RequestId request, Time started, const Address& address,
                             const Blob* found) const {
  if (found != nullptr) {
    hit(tier, request, started, address, found->size());
  } else {
    miss(tier, request, started, address);
  }
}

void EngineEvents::hit(event::Tier tier, RequestId request, Time started, const Address& address,
                       std::uint64_t bytes) const {
  hub_->emit([&] { return event::CacheHit{number_of(request), started, address, bytes, tier}; });
}

void EngineEvents::miss(event::Tier tier, RequestId request, Time started, const Address& address) const {
  hub_->emit([&] { return event::CacheMiss{number_of(request), started, address, tier}; });
}

void EngineEvents::to_compute(RequestId request, Time now, const Address& address) const {
  hub_->emit_at(now, [&] { return event::CacheMiss{number_of(request), now, address, event::Tier::store}; });
}

// --- Flights

event::FlightNumber& EngineEvents::flight_of(NodeId node) {
  if (node >= flights_.size()) flights_.resize(node + node / 2 + 64);
  event::FlightNumber& flight = flights_[node];
  if (flight == 0) flight = ++last_flight_;
  return flight;
}

void EngineEvents::begin_flights(std::span<Plan::Job> jobs) {
  const Time now = event::Clock::now();
  hub_->emit_at(now, event::BatchStarted{jobs.size()});
  for (Plan::Job& job : jobs) {
    job.flight.number = flight_of(job.node);
    job.flight.started = now;
    hub_->emit_at(now, [&] { return event::FlightStarted{job.flight.number, number_of(job.owner), *job.address}; });
  }
}

void EngineEvents::flight_joined(RequestId request, NodeId node, const Address& address) {
  const event::FlightNumber flight = flight_of(node);
  hub_->emit([&] { return event::FlightJoined{flight, number_of(request), address}; });
}

void EngineEvents::end_flight(const Plan::Task& job, const Result<Blob>& result, bool to_store) {
  flights_[job.node] = 0;
  hub_->emit_at(settled_, [&] {
    return event::FlightFinished{job.flight.number, number_of(job.owner), job.flight.started,
                                 *job.address,      ending_of(result),    to_store};
  });
}

// --- Functions

void EngineEvents::explain(Plan::Task& job, const Address& previous, const FunctionId* previous_function,
                           std::size_t input) const {
  event::RecomputeReason why{reason_of(job.reason), event::NameId::none, static_cast<std::uint32_t>(input), previous};
  if (previous_function != nullptr) {
    why.previous_function = hub_->name_id(previous_function->name + '/' + previous_function->version);
  }
  job.flight.why = std::make_shared<const event::RecomputeReason>(why);
}

void EngineEvents::function_started(const Plan::Task& job, bool again, Time started) const {
  hub_->emit_at(started, [&] {
    return event::FunctionStarted{job.flight.number, number_of(job.owner), job.function->name, *job.address,
                                  job.flight.why && !again
                                      ? *job.flight.why
                                      : event::RecomputeReason{reason_of(job, again), event::NameId::none, 0, {}}};
  });
}

void EngineEvents::function_finished(const Plan::Task& job, bool again, Time started, Time ended,
                                     std::span<const Blob> inputs, const Result<Blob>& result) const {
  hub_->emit_at(ended, [&] {
    std::uint64_t bytes = 0;
    for (const Blob& input : inputs) bytes += input.size();
    return event::FunctionFinished{
        job.flight.number,  number_of(job.owner),  started,          *job.address, bytes, result ? result->size() : 0,
        job.function->name, reason_of(job, again), ending_of(result)};
  });
}

void EngineEvents::cut_off(const Plan::Task& job, const Address& previous) const {
  if (job.flight.number == 0) return;
  hub_->emit_at(settled_,
                event::CutOff{job.flight.number, number_of(job.owner), *job.address, previous, job.function->name});
}

TraceContext EngineEvents::trace_of(const Plan::Task& job, const RequestPtr& owner) const {
  const TraceContext parent = owner ? owner->options.trace : TraceContext();
  if (job.flight.number == 0) return parent;
  return compute_context(hub_->context_of(number_of(job.owner), parent), job.flight.number);
}

void EngineEvents::verified(const Plan::Task& job, std::span<const Comparison> comparisons) const {
  if (!on()) return;
  for (const Comparison& comparison : comparisons) {
    hub_->emit(event::Verified{job.flight.number, number_of(job.owner), *job.address, job.function->name,
                               verdict_of(comparison)});
  }
}

void EngineEvents::results_stored(RequestId request, Time started, std::uint64_t results, std::uint64_t bytes,
                                  bool stored) const {
  if (started == Time() || results == 0) return;
  hub_->emit(event::ResultsStored{number_of(request), started, results, bytes,
                                  stored ? event::Ending::succeeded : event::Ending::failed});
}

void EngineEvents::flight_stored(const Unstored& flight, Time started, bool stored) const {
  hub_->emit([&] {
    return event::FlightStored{flight.flight, number_of(flight.request),
                               started,       flight.address,
                               flight.bytes,  stored ? event::Ending::succeeded : event::Ending::failed};
  });
}

}  // namespace deriva::detail
