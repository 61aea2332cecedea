#include <utility>

#include "compute/boundary.hpp"
#include "compute/engine.hpp"

namespace deriva::detail {

void Engine::start_coroutine(const std::shared_ptr<CoroutineRun>& run) {
  Scheduler::Call call{run->job.function->function, run->inputs, *run->job.params, *run->job.address,
                       run->stop.get_token()};
  scheduler_->spawn(std::move(call), [self = shared_from_this(), run](Result<Blob> result) {
    self->finish_coroutine(run, std::move(result));
  });
}

void Engine::finish_coroutine(const std::shared_ptr<CoroutineRun>& run, Result<Blob> result) {
  {
    const Lock lock(mutex_);
    if (stopping_) return;
    ++inside_;
  }
  const Plan::Job& job = run->job;
  if (!result) result = attribute(result.error(), *job.address, job.function->id);
  if (run->verify && !run->first) {
    run->first = std::move(result);
    start_coroutine(run);
  } else {
    if (run->first) result = compare_runs(std::move(*run->first), result, *job.address, job.function->id);
    const std::chrono::nanoseconds compute_time = Clock::now() - run->started;
    Lock lock(mutex_);
    if (result && run->owner && run->owner->options.on_computed) {
      announce(lock, run->owner, job, *result, compute_time, run->verify);
    }
    coroutines_.erase(job.node);
    if (plan_.forgotten(job.node)) result = Error(Errc::cancelled, "nobody waited for the value any more");
    settle_one(run->owner && !run->owner->over ? run->owner : nullptr, job, std::move(result), compute_time,
               run->verify);
    stop_abandoned(lock);
    if (run->owner) report_progress(lock, run->owner);
    deliver(lock);
  }
  const Lock lock(mutex_);
  --inside_;
  if (stopping_) {
    changed_.notify_all();
  } else {
    wake();
  }
}

}  // namespace deriva::detail
