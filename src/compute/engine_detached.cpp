#include <utility>

#include "compute/boundary.hpp"
#include "compute/engine.hpp"

namespace deriva::detail {

void Engine::start_detached(const std::shared_ptr<DetachedRun>& run) {
  run->started = Clock::now();
  if (run->job.function->function.is_coroutine()) return start_coroutine(run);
  scheduler_->post_blocking([self = shared_from_this(), run] { self->run_blocking(run); });
}

// --- Coroutine functions

void Engine::start_coroutine(const std::shared_ptr<DetachedRun>& run) {
  Scheduler::Call call{run->job.function->function, run->inputs, run->params, *run->job.address, run->stop.get_token()};
  scheduler_->spawn(std::move(call), [self = shared_from_this(), run](Result<Blob> result) {
    self->finish_coroutine(run, std::move(result));
  });
}

void Engine::finish_coroutine(const std::shared_ptr<DetachedRun>& run, Result<Blob> result) {
  if (!come_inside()) return;
  const Plan::Job& job = run->job;
  if (!result) result = attribute(result.error(), *job.address, job.function->id);
  end_execution(*run, result);
  if (run->ended < run->executions) {
    start_coroutine(run);
  } else {
    publish(run, std::move(result));
  }
  go_outside();
}

// --- Blocking functions

void Engine::run_blocking(const std::shared_ptr<DetachedRun>& run) {
  if (!come_inside()) return;
  run_to_its_end(run);
  go_outside();
}

/// Runs a plain function on this thread, as often as it is to be executed.
void Engine::run_to_its_end(const std::shared_ptr<DetachedRun>& run) {
  Result<Blob> result = Blob();
  do {
    result = call(run->job, run->params, run->inputs);
    end_execution(*run, result);
  } while (run->ended < run->executions);
  publish(run, std::move(result));
}

// --- Both

/// Makes the result of an execution what all of them come to so far.
void Engine::end_execution(DetachedRun& run, Result<Blob>& result) const {
  ++run.ended;
  if (run.executions == 1) return;
  const Plan::Job& job = run.job;
  if (!run.verification) {
    run.verification = std::make_unique<Verification>(*job.address, job.function->id, verify_seed_);
  }
  run.verification->add(std::move(result));
  result = run.verification->result();
}

/// Publishes what a detached function returned to whoever waits for it.
void Engine::publish(const std::shared_ptr<DetachedRun>& run, Result<Blob> result) {
  const Plan::Job& job = run->job;
  compare_with_known(job, run->known, result, run->verification);
  const std::chrono::nanoseconds compute_time = (Clock::now() - run->started) / run->executions;
  if (result && !options_.store_results) cache_.put(*job.address, *result, compute_time);
  Lock lock(mutex_);
  if (worth_retrying(job, result, run->attempts)) return retry_later(run);
  settle_apart(lock, run->owner, job, std::move(result), compute_time, run->verification.get());
}

/// Whether this thread may touch what the engine works on: shutdown waits for it until `go_outside`.
bool Engine::come_inside() {
  const Lock lock(mutex_);
  if (stopping_) return false;
  ++inside_;
  return true;
}

void Engine::go_outside() {
  const Lock lock(mutex_);
  --inside_;
  if (stopping_) {
    changed_.notify_all();
  } else {
    wake();
  }
}

}  // namespace deriva::detail
