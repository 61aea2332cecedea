// Functions that failed and are tried again, and others that have to wait for their time.
#include <algorithm>
#include <utility>

#include "compute/engine.hpp"
#include "core/blob_loan.hpp"

namespace deriva::detail {

/// Whether a failure of a job is to be tried again, after so many attempts.
bool Engine::worth_retrying(const Plan::Task& job, const Result<Blob>& result, std::uint32_t attempts) const {
  return !result && result.error().error_class() == ErrorClass::transient && attempts <= options_.transient_retries &&
         !stopping_ && plan_.wanted(job.node) && !plan_.forgotten(job.node);
}

/// A job of a batch that is to go its own way, without its owner. Null: its params are damaged.
std::shared_ptr<DetachedRun> Engine::set_apart(Worker& worker, const Plan::Job& job, Worker::Ran& ran) {
  auto run = std::make_shared<DetachedRun>();
  run->set_job(job);
  if (ran.extra) {
    run->executions = ran.extra->executions;
    run->set_known(ran.extra->known);
  }
  Params params;
  if (!decode_params(job.params, params)) return nullptr;
  const std::span<Blob> inputs = worker.batch.inputs_of(job);
  BlobLoan::end(inputs);
  run->set_arguments(inputs, std::move(params));
  return run;
}

/// The same for a function that ran in a batch. True: the job is not to be settled.
bool Engine::retry_later(Worker& worker, const Plan::Job& job, Worker::Ran& ran) {
  if (options_.transient_retries == 0 || !worth_retrying(job, *ran.result, 1)) return false;
  const std::shared_ptr<DetachedRun> run = set_apart(worker, job, ran);
  if (!run) return false;
  run->owner = request_of(job.owner);
  retry_later(run);
  return true;
}

/// The same for one that several threads executed.
void Engine::retry_later(SharedVerification& shared) {
  const auto run = std::make_shared<DetachedRun>();
  run->set_job(shared.job);
  run->owner = shared.owner;
  run->executions = static_cast<std::uint32_t>(shared.ended.size());
  run->set_known(shared.known);
  run->set_arguments(shared.inputs, std::move(shared.params));
  retry_later(run);
}

void Engine::retry_later(const std::shared_ptr<DetachedRun>& run) {
  run->ended = 0;
  if (run->checks) run->checks->verification.reset();
  if (run->waits) {
    run->waits->discovered.clear();
    run->waits->errors.clear();
  }
  if (run->owner && !run->owner->over) ++run->owner->outcome.retried;
  constexpr std::uint32_t most_doublings = 20;
  const auto delay = options_.retry_delay * (1U << std::min(run->attempts - 1, most_doublings));
  ++run->attempts;
  end_run(run->job.node);
  end_flight(run->job);
  if (run->job.function->function.takes_context()) begin_run(run, run->job, run->owner);
  const auto entry = retries_.emplace(scheduler_->now() + delay, run);
  if (entry != retries_.begin()) return;
  arm();
  wake();
  tell_blocked();  // Who blocks has to look at another clock.
}

bool Engine::has_due_retry() const { return !retries_.empty() && retries_.begin()->first <= scheduler_->now(); }

/// Runs a function again whose time has come.
bool Engine::retry(Lock& lock) {
  if (!has_due_retry()) return false;
  const std::shared_ptr<DetachedRun> run = std::move(retries_.begin()->second);
  retries_.erase(retries_.begin());
  arm();  // For the next one.
  if (!plan_.wanted(run->job.node) || plan_.forgotten(run->job.node)) {
    drop_job(*run);
    return true;
  }
  const Function& function = run->job.function->function;
  const bool here = !function.is_coroutine() && !function.options().blocking;
  ++busy_;
  if (function.takes_context()) begin_time(*run);
  lock.unlock();
  run->started = scheduler_->now();
  if (take_flight(lock, run)) here ? run_to_its_end(run) : start_detached(run);
  lock.lock();
  --busy_;
  return true;
}

}  // namespace deriva::detail
