#include <utility>

#include "compute/engine.hpp"

namespace deriva::detail {

/// Completes the requests that the plan has finished, or keeps them until they are written; tells of failures so far
/// that most are told at once, and the rest in slices.
void Engine::deliver(Lock& lock) {
  constexpr std::size_t told_at_once = 1'024;
  if (plan_.has_failing()) plan_.fail_further(told_at_once);
  count_met();
  if (plan_.has_resumed()) resume_functions(lock);
  if (!plan_.has_finished()) return;
  // Others may deliver while this thread tells a request: each takes what is spare.
  std::vector<Plan::Finished> finished = std::exchange(spare_finished_, {});
  std::vector<Delivery> deliveries = std::exchange(spare_deliveries_, {});
  plan_.take_finished(finished);
  for (Plan::Finished& one : finished) {
    if (std::optional<Delivery> delivery = take_delivery(std::move(one))) deliveries.push_back(*std::move(delivery));
  }
  for (Delivery& delivery : deliveries) {
    if (!delivery.result) {
      const FunctionRun* const waiter = delivery.request->waiter.get();
      const RequestId id = waiter == nullptr ? delivery.request->id : waiter->job.owner;
      lock.unlock();
      delivery.result = stored_value(delivery.request->target, id);
      lock.lock();
    }
    conclude(lock, delivery.request, *std::move(delivery.result));
    recycle(std::move(delivery.request));
  }
  if (finished.capacity() > told_at_once) return;
  finished.clear();
  deliveries.clear();
  spare_finished_ = std::move(finished);
  spare_deliveries_ = std::move(deliveries);
}

void Engine::count_met() {
  if (!plan_.has_met()) return;
  joined_.clear();
  reused_.clear();
  plan_.take_met(joined_, reused_);
  for (const auto& [id, node] : joined_) {
    if (const RequestPtr request = request_of(id)) ++request->outcome.joined;
  }
  if (events_.on() && !joined_.empty()) tell_joined();
  for (const RequestId id : reused_) {
    const RequestPtr request = request_of(id);
    if (!request) continue;
    ++request->outcome.reused;
    ++request->progress.reused;
  }
}

/// Keeps the memory of a request, if there is one and nobody else knows it any more.
void Engine::recycle(RequestPtr request) {
  constexpr std::size_t most = 64;
  if (request.use_count() != 1 || unused_requests_.size() == most) return;
  *request = Request();
  unused_requests_.push_back(std::move(request));
}

/// The request leaves the table. Nothing: it has left it, or waits until it is durable.
std::optional<Engine::Delivery> Engine::take_delivery(Plan::Finished finished) {
  RequestPtr request = take_request(finished.request);
  if (!request) return std::nullopt;  // It was cancelled before everybody was told of the failure.
  request->depth = finished.depth;
  if (finished.failures) {
    request->outcome.failures = finished.failures->errors;
    return Delivery{std::move(request), Result<Blob>(summarize(*finished.failures))};
  }
  if (finished.value) cache_.put(request->target, *finished.value);
  const std::uint64_t batch = newest_batch();
  if (request->options.durable && batch > written_) {
    endings_.push_back({std::move(request), std::move(finished.value), batch});
    return std::nullopt;
  }
  Delivery delivery{std::move(request), std::nullopt};
  if (finished.value) delivery.result = std::move(*finished.value);
  return delivery;
}

/// Completes a request that has left the table: at once, or when the last of its callbacks returns. Before that its
/// host is told how far it came.
void Engine::conclude(Lock& lock, const RequestPtr& request, Result<Blob> result) {
  request->over = true;
  if (request->waiter) return end_wait(lock, *request, std::move(result));
  if (request->callbacks > 0) {
    request->held = std::move(result);
    return;
  }
  if (request->running) request->progress.running = request->running->sum();
  lock.unlock();
  if (request->options.progress && request->progress != request->told) {
    try {
      request->options.progress(request->progress);
    } catch (...) {  // NOLINT(bugprone-empty-catch): documented at the options.
    }
  }
  complete(*request, std::move(result));
  lock.lock();
}

/// Requires: the request is over.
void Engine::complete(Request& request, Result<Blob> result) const {
  Outcome& outcome = request.outcome;
  const std::uint64_t ended = outcome.computed + outcome.cut_off + outcome.failed;
  outcome.running = request.begun - ended;
  outcome.never_started = request.progress.planned - request.begun;
  events_.request_finished(request, result);
  if (request.options.outcome != nullptr) *request.options.outcome = std::move(outcome);
  finish<Blob>(std::move(request.completion), std::move(result));
}

/// Calls the host without the lock, unless the request is over; what it throws ends no computation.
template <class Callback>
void Engine::call_host(Lock& lock, const RequestPtr& request, const Callback& callback) {
  if (request->over) return;
  ++request->callbacks;
  lock.unlock();
  try {
    callback();
  } catch (...) {  // NOLINT(bugprone-empty-catch): documented at the options.
  }
  lock.lock();
  if (--request->callbacks > 0 || !request->held) return;
  Result<Blob> held = *std::exchange(request->held, std::nullopt);
  conclude(lock, request, std::move(held));
}

void Engine::announce(Lock& lock, const RequestPtr& owner, const Plan::Task& job, const Blob& value,
                      std::chrono::nanoseconds compute_time, bool verified) {
  const Computed computed{*job.address, job.function->id, job.reason, value.size(), compute_time, verified};
  call_host(lock, owner, [&] { owner->options.on_computed(computed); });
}

/// Tells the hosts for whom the batch ran how far their requests are.
void Engine::report_progress(Lock& lock, Worker& worker) {
  if (watchers_ == 0) return;
  for (const Plan::Job& job : worker.batch.jobs) {
    const RequestPtr& owner = owner_of(worker, job.owner);
    if (!owner || !owner->options.progress) continue;
    const RequestPtr kept = owner;  // The mutex is left, and the worker may be at another one's.
    report_progress(lock, kept);
  }
}

void Engine::report_progress(Lock& lock, const RequestPtr& request) {
  if (!request->options.progress || request->reporting || request->over) return;
  request->progress.running = request->running->sum();
  if (request->progress == request->told) return;
  const Clock::time_point now = Clock::now();
  if (!request->running->is_due(now)) return;
  request->reporting = true;
  request->running->told(now);
  request->told = request->progress;
  const Progress progress = request->progress;
  call_host(lock, request, [&] { request->options.progress(progress); });
  request->reporting = false;
}

}  // namespace deriva::detail
