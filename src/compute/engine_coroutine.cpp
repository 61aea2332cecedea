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
  if (run->executions > 1) {
    if (!run->verification) {
      run->verification = std::make_unique<Verification>(*job.address, job.function->id, verify_seed_);
    }
    run->verification->add(std::move(result));
    result = run->verification->result();
  }
  if (++run->ended < run->executions) {
    start_coroutine(run);
  } else {
    const std::chrono::nanoseconds compute_time = (Clock::now() - run->started) / run->executions;
    Lock lock(mutex_);
    if (result && run->owner && run->owner->options.on_computed) {
      announce(lock, run->owner, job, *result, compute_time, run->executions > 1);
    }
    coroutines_.erase(job.node);
    if (plan_.forgotten(job.node)) result = Error(Errc::cancelled, "nobody waited for the value any more");
    settle_one(run->owner && !run->owner->over ? run->owner : nullptr, job, std::move(result), compute_time,
               run->verification.get());
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
