#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <deriva/core/address.hpp>
#include <deriva/core/blob.hpp>
#include <deriva/core/error.hpp>
#include <deriva/core/event.hpp>
#include <deriva/core/observer_hub.hpp>
#include <deriva/core/trace_context.hpp>
#include <deriva/store/ledger.hpp>

#include "compute/plan.hpp"
#include "compute/request.hpp"

namespace deriva::detail {

/// Tells a hub what an engine does.
///
/// While nobody listens it costs a branch for each request and each batch: what belongs to a job is told only if the
/// job has the number of a flight, which `begin_flights` gives.
///
/// Thread safety: any thread; what changes something, under the engine's mutex.
class EngineEvents {
 public:
  using Time = event::Time;

  explicit EngineEvents(std::shared_ptr<ObserverHub> hub);

  /// Whether anybody listens.
  [[nodiscard]] bool on() const noexcept { return hub_ != nullptr && hub_->observed(); }
  /// Null: there is none.
  [[nodiscard]] ObserverHub* hub() const noexcept { return hub_.get(); }
  /// When something begins that is told once it has ended.
  [[nodiscard]] Time now() const noexcept { return on() ? event::Clock::now() : Time(); }

  // --- Requests

  /// Returns when it began; the end is told only of what has a beginning.
  [[nodiscard]] Time request_started(RequestId request, const Address& target, const TraceContext& parent) const;
  /// It had not to be planned.
  void request_answered(RequestId request, Time started, const Address& target, const Result<Blob>& result) const;
  void request_finished(const Request& request, const Result<Blob>& result) const;

  /// Under the mutex: the request is being explored. `plans_made` tells of all such, once nothing is.
  void plan_began(const RequestPtr& request);
  [[nodiscard]] bool planning() const noexcept { return !planning_.empty(); }
  void plans_made();

  // --- Looking up

  void looked_up(event::Tier tier, RequestId request, Time started, const Address& address, const Blob* found) const;
  void hit(event::Tier tier, RequestId request, Time started, const Address& address, std::uint64_t bytes) const;
  void miss(event::Tier tier, RequestId request, Time started, const Address& address) const;
  /// A miss in the store, found out at that time.
  void to_compute(RequestId request, Time now, const Address& address) const;

  // --- Flights

  /// Under the mutex: the jobs are about to be carried out.
  void begin_flights(std::span<Plan::Job> jobs);
  /// Under the mutex: a request met the node of another one.
  void flight_joined(RequestId request, NodeId node, const Address& address);
  /// The job's function ran before in another version, or with another input.
  void explain(Plan::Task& job, const Address& previous, const FunctionId* previous_function, std::size_t input) const;
  /// Under the mutex: what ends from here on ends now.
  void take_time() { settled_ = now(); }
  /// Under the mutex. Requires: the node is not gone yet. `to_store`: a value will be written.
  void flight_finished(const Plan::Task& job, const Result<Blob>& result, bool to_store = false) {
    if (job.flight.number != 0) end_flight(job, result, to_store && result);
  }

  // --- Functions

  /// An execution begins; `again`: another one to be compared.
  void function_started(const Plan::Task& job, bool again, Time started) const;
  void function_finished(const Plan::Task& job, bool again, Time started, Time ended, std::span<const Blob> inputs,
                         const Result<Blob>& result) const;
  /// Under the mutex: it takes the result of that recipe instead of running.
  void cut_off(const Plan::Task& job, const Address& previous) const;
  /// What a function passes on to those whom it calls.
  [[nodiscard]] TraceContext trace_of(const Plan::Task& job, const RequestPtr& owner) const;

  void verified(const Plan::Task& job, std::span<const Comparison> comparisons) const;

  /// A batch of results was written, or was not; `request` waits for it, unless it is 0.
  void results_stored(RequestId request, Time started, std::uint64_t results, std::uint64_t bytes, bool stored) const;

  /// A flight whose result is to be written.
  struct Unstored {
    event::FlightNumber flight;
    RequestId request;
    Address address;
    std::uint64_t bytes;
  };
  /// Under the mutex: notes a flight that is told of once it is written.
  void to_store(std::vector<Unstored>& flights, const Plan::Task& job, const Blob& value) const {
    if (job.flight.number == 0 || !hub_->wants<event::FlightStored>()) return;
    flights.push_back({job.flight.number, job.owner, *job.address, value.size()});
  }
  /// They were written, or were not; all but those that `refused` has.
  template <class Refused>
  void flights_stored(std::span<const Unstored> flights, Time started, bool stored, const Refused& refused) const {
    for (const Unstored& flight : flights) flight_stored(flight, started, stored && !refused(flight.address));
  }

 private:
  [[nodiscard]] event::RequestNumber number_of(RequestId request) const noexcept {
    return request == 0 ? 0 : numbers_ + request;
  }
  [[nodiscard]] event::FlightNumber& flight_of(NodeId node);
  void end_flight(const Plan::Task& job, const Result<Blob>& result, bool to_store);
  void flight_stored(const Unstored& flight, Time started, bool stored) const;

  const std::shared_ptr<ObserverHub> hub_;
  const std::uint64_t numbers_;  ///< The hub's requests and flights that are ours are numbered from here.
  event::FlightNumber last_flight_;
  Time settled_{};                            ///< When what is being settled ended.
  std::vector<event::FlightNumber> flights_;  ///< By node: of what has a number.
  std::vector<RequestPtr> planning_;
};

}  // namespace deriva::detail
