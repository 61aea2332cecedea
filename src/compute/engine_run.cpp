#include <utility>

#include "compute/address_index.hpp"
#include "compute/boundary.hpp"
#include "compute/engine.hpp"

namespace deriva::detail {

bool Engine::chosen_for_verification(const Plan::Job& job) const {
  if (job.verify_rate <= 0) return false;
  if (job.verify_rate >= 1) return true;
  const std::uint64_t hash = AddressHash(verify_seed_)(job.address);
  return static_cast<double>(hash >> 11U) * 0x1p-53 < job.verify_rate;
}

Result<Blob> Engine::run_plain(const Run& run, std::span<const Blob> inputs) {
  const ResolvedFunction& function = *run.job.function;
  Result<Blob> result = call_guarded(function.function, inputs, *run.job.params);
  if (run.verify) result = compare_runs(std::move(result), call_guarded(function.function, inputs, *run.job.params));
  if (!result) return attribute(result.error(), run.job.address, function.id);
  return result;
}

void Engine::start_coroutine(const std::shared_ptr<Run>& run) {
  Scheduler::Call call{run->job.function->function, run->inputs, *run->job.params, run->job.address,
                       run->stop.get_token()};
  scheduler_->spawn(std::move(call), [self = shared_from_this(), run](Result<Blob> result) {
    self->finish_coroutine(run, std::move(result));
  });
}

void Engine::finish_coroutine(const std::shared_ptr<Run>& run, Result<Blob> result) {
  {
    const Lock lock(mutex_);
    if (stopping_) return;
    ++inside_;
  }
  const bool run_again = run->verify && !run->first;
  if (run_again) {
    run->first = std::move(result);
    start_coroutine(run);
  } else {
    if (run->first) result = compare_runs(std::move(*run->first), result);
    if (!result) result = attribute(result.error(), run->job.address, run->job.function->id);
    const auto compute_time = Clock::now() - run->started;
    Lock lock(mutex_);
    announce(lock, *run, result, compute_time);
    coroutines_.erase(run->job.node);
    if (plan_.forgotten(run->job.node)) result = Error(Errc::cancelled, "nobody waited for the value any more");
    settle(lock, *run, std::move(result), compute_time);
  }
  const Lock lock(mutex_);
  --inside_;
  if (stopping_) {
    changed_.notify_all();
  } else {
    wake();
  }
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
  const Result<Blob> held = *std::exchange(request->held, std::nullopt);
  conclude(lock, request, held);
}

/// Tells the owner's host of a function that ran.
void Engine::announce(Lock& lock, const Run& run, const Result<Blob>& result, std::chrono::nanoseconds compute_time) {
  if (!result || !run.owner || !run.owner->options.on_computed) return;
  const Computed computed{run.job.address, run.job.function->id, run.job.reason,
                          result->size(),  compute_time,         run.verify};
  call_host(lock, run.owner, [&] { run.owner->options.on_computed(computed); });
}

/// Publishes a result, or an error, to whoever waits for it.
void Engine::settle(Lock& lock, const Run& run, Result<Blob> result, std::chrono::nanoseconds compute_time) {
  const NodeId node = run.job.node;
  if (result) {
    if (run.owner && !run.owner->over) {
      ++run.owner->outcome.computed;
      ++run.owner->progress.computed;
      if (run.verify) ++run.owner->outcome.verified;
    }
    plan_.pin(node);  // Until it is written: whoever asks meanwhile finds it here.
    unwritten_.push_back({{run.job.address, *result, compute_time,
                           std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now())},
                          node});
    unwritten_bytes_ += result->size();
    plan_.complete(node, std::move(*result));
  } else {
    plan_.fail(node, result.error());
  }
  wake();
  std::vector<Delivery> deliveries = collect_finished();
  stop_abandoned(lock);
  if (run.owner) report_progress(lock, run.owner);
  deliver(lock, std::move(deliveries));
}

void Engine::report_progress(Lock& lock, const RequestPtr& request) {
  if (!request->options.progress || request->reporting) return;
  const Clock::time_point now = Clock::now();
  if (now - request->reported < request->options.progress_interval) return;
  request->reporting = true;
  request->reported = now;
  const Progress progress = request->progress;
  call_host(lock, request, [&] { request->options.progress(progress); });
  request->reporting = false;
}

// --- Writing

bool Engine::write_results(Lock& lock) {
  if (writing_ || unwritten_.empty()) return false;
  writing_ = true;
  const std::vector<Unwritten> batch = std::exchange(unwritten_, {});
  unwritten_bytes_ = 0;
  const std::uint64_t number = batch_++;
  ++busy_;
  lock.unlock();

  std::vector<ComputedResult> results;
  results.reserve(batch.size());
  for (const Unwritten& unwritten : batch) results.push_back(unwritten.result);
  const Result<void> put = put_results(results);
  if (put) {
    for (const ComputedResult& result : results) cache_.put(result.address, result.value);
  }

  lock.lock();
  --busy_;
  writing_ = false;
  written_ = number;
  for (const Unwritten& unwritten : batch) plan_.unpin(unwritten.node);
  std::vector<Delivery> deliveries;
  std::vector<Ending> later;
  for (Ending& ending : endings_) {
    if (ending.batch > written_) {
      later.push_back(std::move(ending));
      continue;
    }
    deliveries.push_back({std::move(ending.request), std::nullopt});
    if (!put) {
      deliveries.back().result = put.error();
    } else if (ending.value) {
      deliveries.back().result = std::move(*ending.value);
    }
  }
  endings_ = std::move(later);
  deliver(lock, std::move(deliveries));
  return true;
}

/// One transaction for all; if one of them contradicts what is stored, the others are written without it.
Result<void> Engine::put_results(std::span<const ComputedResult> results) {
  Result<void> put = store_.put_results(results);
  if (put || put.error().code() != Errc::not_deterministic || results.size() == 1) return put;
  for (const ComputedResult& result : results) static_cast<void>(store_.put_results({&result, 1}));
  return put;
}

}  // namespace deriva::detail
