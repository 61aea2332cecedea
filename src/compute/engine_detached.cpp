#include <utility>

#include "compute/boundary.hpp"
#include "compute/engine.hpp"

namespace deriva::detail {
namespace {

/// Whether it is to be executed, or once more. What was asked to stop is over as it is: another one may run already.
bool is_to_execute(const DetachedRun& run) { return run.ended < run.executions && !run.stop.stop_requested(); }

}  // namespace

void Engine::start_detached(const std::shared_ptr<DetachedRun>& run) {
  run->started = scheduler_->now();
  if (run->job.function->function.is_coroutine()) return start_coroutine(run);
  scheduler_->post_blocking([self = shared_from_this(), run] { self->run_blocking(run); });
}

void DetachedRun::set_arguments(std::span<Blob> inputs, Params params) {
  arguments = std::make_unique<Arguments>();
  arguments->inputs.assign(std::make_move_iterator(inputs.begin()), std::make_move_iterator(inputs.end()));
  arguments->params = std::move(params);
}

void DetachedRun::set_known(const KnownResultPtr& known) {
  if (!known) return;
  checks = std::make_unique<Checks>();
  checks->known = known;
}

// --- Coroutine functions

Result<Function::Started> DetachedRun::begin(const boost::asio::any_io_executor& io) {
  return engine->begin_coroutine(*this, io);
}

void DetachedRun::end(Result<Blob> result) {
  engine->finish_coroutine(std::static_pointer_cast<DetachedRun>(shared_from_this()), std::move(result));
}

void Engine::start_coroutine(const std::shared_ptr<DetachedRun>& run) {
  run->engine = {scheduler_->work(shared_from_this()), this};
  if (run->job.flight.number != 0) {
    run->arguments->begun = Clock::now();
    events_.function_started(run->job, run->ended > 0, run->arguments->begun);
  }
  scheduler_->spawn(run);
}

/// The arguments go with the function, unless they are needed again.
Result<Function::Started> Engine::begin_coroutine(DetachedRun& run, const boost::asio::any_io_executor& io) const {
  if (run.stop.stop_requested()) return Error(Errc::cancelled, "it was asked to stop before it began");
  run.context.io = &io;
  run.context.host = &run;
  if (run.progress) run.context.progress = &run.progress->begin_execution();
  const Function& function = run.job.function->function;
  if (may_execute_again(run) || run.job.flight.number != 0) {
    return function.start(run.arguments->inputs, run.arguments->params, run.given);
  }
  const std::unique_ptr<DetachedRun::Arguments> arguments = std::move(run.arguments);
  return function.start(std::move(arguments->inputs), std::move(arguments->params), run.given);
}

/// Whether it is to be executed after the execution that begins now, or may be.
bool Engine::may_execute_again(const DetachedRun& run) const {
  return run.ended + 1 < run.executions || run.attempts <= options_.transient_retries;
}

void Engine::finish_coroutine(const std::shared_ptr<DetachedRun>& run, Result<Blob> result) {
  const Plan::Task& job = run->job;
  if (job.flight.number != 0) {
    events_.function_finished(job, run->ended > 0, run->arguments->begun, Clock::now(), run->arguments->inputs, result);
  }
  if (!come_inside(job)) return;
  if (!result) result = attribute_to(*run, result.error());
  end_execution(*run, result);
  if (is_to_execute(*run)) {
    start_coroutine(run);
  } else {
    publish(run, std::move(result));
  }
  go_outside();
}

// --- Blocking functions

void Engine::run_blocking(const std::shared_ptr<DetachedRun>& run) {
  if (!come_inside(run->job)) return;
  if (!drop_unwanted(*run)) run_to_its_end(run);
  go_outside();
}

/// Drops what nobody wants any more by the time there is a thread for it. One that can be asked to stop was asked.
bool Engine::drop_unwanted(DetachedRun& run) {
  const Lock lock(mutex_);
  if (plan_.wanted(run.job.node) || plan_.forgotten(run.job.node)) return false;
  drop_job(run);
  return true;
}

/// One that is tried again was begun.
void Engine::drop_job(const DetachedRun& run) { drop_job(run.job, run.attempts == 1 ? run.owner : nullptr); }

/// Runs a plain function on this thread, as often as it is to be executed.
void Engine::run_to_its_end(const std::shared_ptr<DetachedRun>& run) {
  const FunctionRun* context = run->job.function->function.takes_context() ? run.get() : nullptr;
  Result<Blob> result = Error(Errc::cancelled, "it was asked to stop before it began");
  while (is_to_execute(*run)) {
    result = call(run->job, run->arguments->params, run->arguments->inputs, context, run->ended > 0);
    end_execution(*run, result);
  }
  publish(run, std::move(result));
}

// --- Both

/// Makes the result of an execution what all of them come to so far.
void Engine::end_execution(DetachedRun& run, Result<Blob>& result) const {
  ++run.ended;
  if (run.executions == 1) return;
  const Plan::Task& job = run.job;
  if (!run.checks) run.checks = std::make_unique<DetachedRun::Checks>();
  std::unique_ptr<Verification>& verification = run.checks->verification;
  if (!verification) verification = std::make_unique<Verification>(*job.address, job.function->id, verify_seed_);
  verification->add(std::move(result));
  result = verification->result();
}

/// Publishes what a detached function returned to whoever waits for it.
void Engine::publish(const std::shared_ptr<DetachedRun>& run, Result<Blob> result) {
  const Plan::Task& job = run->job;
  const std::chrono::nanoseconds compute_time = (scheduler_->now() - run->started) / run->executions;
  check_time(job, compute_time, result);
  if (run->checks) compare_with_known(job, run->checks->known, result, run->checks->verification);
  if (result && !options_.store_results) cache_.put(*job.address, *result, compute_time);
  Lock lock(mutex_);
  if (worth_retrying(job, result, run->attempts)) return retry_later(run);
  settle_apart(lock, run->owner, job, std::move(result), compute_time,
               run->checks ? run->checks->verification.get() : nullptr,
               run->waits ? run->waits->discovered : std::vector<Address>());
}

/// Whether this thread may touch what the engine works on: shutdown waits for it until `go_outside`.
bool Engine::come_inside() {
  const Lock lock(mutex_);
  if (stopping_) return false;
  ++inside_;
  return true;
}

/// The same for a function that has ended: if not, nothing else ends its flight.
bool Engine::come_inside(const Plan::Task& job) {
  if (come_inside()) return true;
  const Lock lock(mutex_);
  events_.take_time();
  events_.flight_finished(job, Error(Errc::cancelled));
  return false;
}

void Engine::go_outside() {
  const Lock lock(mutex_);
  --inside_;
  if (stopping_) {
    tell_blocked();
  } else {
    wake();
  }
}

}  // namespace deriva::detail
