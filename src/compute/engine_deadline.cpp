#include <algorithm>
#include <utility>

#include "compute/engine.hpp"

namespace deriva::detail {
namespace {

Error out_of_time(const Address& address, const FunctionId& function) {
  return Error(Errc::deadline_exceeded, "the time allowed for the function is over")
      .with_address(address)
      .with_function(function);
}

/// 0: as long as it likes.
std::chrono::nanoseconds timeout_of(const Plan::Task& job) { return job.function->function.options().timeout; }

}  // namespace

// One timer for all: it is armed for the first deadline or retry, and may fire when what it was armed for is over.

void Engine::add_deadline(const Request& request) {
  if (!request.options.deadline) return;
  const auto [entry, is_new] = deadlines_.emplace(*request.options.deadline, request.id);
  if (entry == deadlines_.begin()) arm();
}

/// The function is about to be called: if it may take so long only, that counts from now on. Unless it was asked to
/// stop.
void Engine::begin_time(FunctionRun& run) {
  const std::chrono::nanoseconds timeout = timeout_of(run.job);
  if (timeout.count() == 0 || plan_.forgotten(run.job.node)) return;
  if (const auto found = runs_.find(run.job.node); found == runs_.end() || found->second.get() != &run) return;
  run.expires = scheduler_->now() + timeout;
  std::optional<Clock::time_point>& deadline = run.context.deadline;
  deadline = deadline ? std::min(*deadline, run.expires) : run.expires;
  const auto [entry, is_new] = function_deadlines_.emplace(run.expires, run.job.node);
  if (entry == function_deadlines_.begin()) arm();
}

void Engine::remove_deadline(const Request& request) {
  if (!request.options.deadline) return;
  deadlines_.erase({*request.options.deadline, request.id});
  disarm_if_idle();
}

void Engine::remove_deadline(const FunctionRun& run) {
  if (run.expires == FunctionRun::never) return;
  function_deadlines_.erase({run.expires, run.job.node});
  disarm_if_idle();
}

void Engine::disarm_if_idle() {
  // The I/O executor is not to wait for nothing.
  if (deadlines_.empty() && function_deadlines_.empty() && retries_.empty()) scheduler_->disarm();
}

void Engine::arm() {
  Clock::time_point first = Clock::time_point::max();
  if (!deadlines_.empty()) first = deadlines_.begin()->first;
  if (!function_deadlines_.empty()) first = std::min(first, function_deadlines_.begin()->first);
  if (!retries_.empty() && !has_due_retry()) first = std::min(first, retries_.begin()->first);
  if (first == Clock::time_point::max()) return;
  auto task = [engine = weak_from_this()] {
    if (const auto alive = engine.lock()) alive->expire();
  };
  scheduler_->arm(first, std::move(task));
}

void Engine::exceed_deadline(Lock& lock, RequestId id) {
  give_up(lock, id, Error(Errc::deadline_exceeded, "the time allowed for the request is over"));
}

/// Ends the requests and functions whose time is over, and sees to the functions whose time has come.
void Engine::expire() {
  Lock lock(mutex_);
  const Clock::time_point now = scheduler_->now();
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    exceed_deadline(lock, deadlines_.begin()->second);
  }
  expire_functions(lock, now);
  if (stopping_) return;
  wake();
  arm();
}

/// Coroutine functions have failed; plain ones are asked to stop, and have failed when they return.
void Engine::expire_functions(Lock& lock, Clock::time_point now) {
  std::vector<std::shared_ptr<FunctionRun>> expired;
  while (!function_deadlines_.empty() && function_deadlines_.begin()->first <= now) {
    const NodeId node = function_deadlines_.begin()->second;
    function_deadlines_.erase(function_deadlines_.begin());
    if (plan_.forgotten(node)) continue;
    expired.push_back(runs_.at(node));
    const ResolvedFunction& function = *expired.back()->job.function;
    if (!function.function.is_coroutine()) continue;
    end_progress(*expired.back());
    const Plan::Task& job = expired.back()->job;
    end_flight(job);
    plan_.expire(node, out_of_time(*job.address, function.id));
  }
  if (expired.empty()) return;
  ask_to_stop(lock, expired);
  stop_abandoned(lock);
  deliver(lock);
}

/// A function that took longer than it may has failed, whatever it returned.
void Engine::check_time(const Plan::Task& job, std::chrono::nanoseconds time, Result<Blob>& result) {
  const std::chrono::nanoseconds timeout = timeout_of(job);
  if (timeout.count() > 0 && time > timeout) result = out_of_time(*job.address, job.function->id);
}

}  // namespace deriva::detail
