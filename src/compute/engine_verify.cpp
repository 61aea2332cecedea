// Functions that are executed more than once.
#include <algorithm>
#include <utility>

#include "compute/comparison.hpp"
#include "compute/engine.hpp"

namespace deriva::detail {

void Engine::verify_here(const Plan::Task& job, const Params& params, std::span<const Blob> inputs,
                         Worker::Ran& ran) const {
  Worker::Extra& extra = *ran.extra;
  extra.verification = std::make_unique<Verification>(*job.address, job.function->id, verify_seed_);
  for (std::uint32_t i = 0; i < extra.executions; ++i) {
    extra.verification->add(call(job, params, inputs, extra.run.get(), i > 0));
  }
  ran.result.emplace(extra.verification->result());
}

/// Compares what a function returned with a result that is stored, unless it says nothing of the function. Without the
/// lock.
void Engine::compare_with_known(const Plan::Task& job, const KnownResultPtr& known, Result<Blob>& result,
                                std::unique_ptr<Verification>& verification) const {
  if (!known || is_inconclusive(result) || (!result && result.error().code() == Errc::not_deterministic)) return;
  Result<Comparison> comparison = compare_with_stored(store_, known->recipe, known->record, result, verify_seed_);
  if (!comparison) {
    result = comparison.error();
    return;
  }
  comparison->address = *job.address;
  if (!comparison->agrees()) result = violation(*comparison, job.function->id);
  if (!verification) verification = std::make_unique<Verification>(*job.address, job.function->id, verify_seed_);
  verification->comparisons().push_back(*std::move(comparison));
}

/// Offers the executions to idle threads, and begins itself what nobody else has begun. If another thread is still at
/// it at the end, that one settles the job.
void Engine::verify_shared(const Plan::Task& job, Params params, std::span<Blob> inputs, Worker::Ran& ran) {
  const auto shared = std::make_shared<SharedVerification>();
  shared->job = job;
  shared->address = *job.address;
  shared->job.address = &shared->address;
  shared->inputs.assign(std::make_move_iterator(inputs.begin()), std::make_move_iterator(inputs.end()));
  shared->params = std::move(params);
  shared->run = ran.extra->run;
  shared->unbegun = ran.extra->executions;
  shared->known = ran.extra->known;
  Lock lock(mutex_);
  shared->owner = request_of(job.owner);
  verifications_.push_back(shared);
  wake();
  while (shared->unbegun > 0) execute_shared(lock, *shared);
  if (shared->running > 0) {
    ran.is_over = true;
    return;
  }
  lock.unlock();
  ran.result.emplace(Blob());
  ran.extra->verification = judge(*shared, *ran.result);
  std::move(shared->inputs.begin(), shared->inputs.end(), inputs.begin());  // It may run again.
}

/// One execution of a function that another thread verifies.
bool Engine::help_verify(Lock& lock, Worker& worker) {
  if (verifications_.empty()) return false;
  const std::shared_ptr<SharedVerification> shared = verifications_.front();
  ++busy_;
  execute_shared(lock, *shared);
  if (shared->running == 0 && shared->unbegun == 0) {
    lock.unlock();
    Result<Blob> result = Blob();
    const std::unique_ptr<Verification> verification = judge(*shared, result);
    check_time(shared->job, shared->compute_time, result);
    worker.now = scheduler_->now();
    lock.lock();
    --busy_;
    observe(*shared->job.function, shared->compute_time);
    if (worth_retrying(shared->job, result, 1)) {
      retry_later(*shared);
      return true;
    }
    settle_apart(lock, shared->owner, shared->job, std::move(result), shared->compute_time, verification.get());
  } else {
    --busy_;
  }
  return true;
}

void Engine::execute_shared(Lock& lock, SharedVerification& shared) {
  ++shared.running;
  const bool again = std::exchange(shared.begun, true);
  if (--shared.unbegun == 0) {
    std::erase_if(verifications_, [&](const auto& offered) { return offered.get() == &shared; });
  }
  lock.unlock();
  const Clock::time_point start = scheduler_->now();
  Result<Blob> result = call(shared.job, shared.params, shared.inputs, shared.run.get(), again);
  const Clock::duration time = scheduler_->now() - start;
  lock.lock();
  --shared.running;
  shared.ended.push_back(std::move(result));
  shared.compute_time = time;
}

std::unique_ptr<Verification> Engine::judge(SharedVerification& shared, Result<Blob>& result) const {
  auto verification = std::make_unique<Verification>(*shared.job.address, shared.job.function->id, verify_seed_);
  for (Result<Blob>& execution : shared.ended) verification->add(std::move(execution));
  result = verification->result();
  compare_with_known(shared.job, shared.known, result, verification);
  return verification;
}

}  // namespace deriva::detail
