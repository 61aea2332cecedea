// What came of functions, told to whoever waits for it.
#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

#include "compute/engine.hpp"

namespace deriva::detail {

/// Tells the hosts whose functions ran.
void Engine::announce(Lock& lock, Worker& worker) {
  if (listeners_ == 0) return;
  for (std::size_t i = 0; i < worker.ran.size(); ++i) {
    const Worker::Ran& ran = worker.ran[i];
    const Plan::Job& job = worker.batch.jobs[i];
    const RequestPtr& owner = owner_of(worker, job.owner);
    const bool did_not_run = ran.extra && (ran.extra->cut_off || ran.extra->is_stored);
    if (!owner || !owner->options.on_computed || ran.is_over || did_not_run || !*ran.result) continue;
    const RequestPtr kept = owner;
    announce(lock, kept, job, **ran.result, ran.compute_time, ran.extra && ran.extra->executions > 1);
  }
}

/// Publishes what came of a batch to whoever waits for it. `prepared`: how long it took to prepare, or 0.
void Engine::settle(Lock& lock, Worker& worker, Clock::duration prepared) {
  const bool is_timed = prepared.count() > 0;
  const Clock::time_point started = is_timed ? scheduler_->now() : Clock::time_point();
  settle_jobs(worker);
  if (is_timed) pace_.engine_took(prepared + (scheduler_->now() - started), worker.ran.size());
  stop_abandoned(lock);
  report_progress(lock, worker);
  deliver(lock);
}

void Engine::settle_jobs(Worker& worker) {
  events_.take_time();
  if (flights_.is_shared()) find_addresses(worker);
  if (worker.puts_back) put_back(worker);
  if (worker.batch.wires.empty()) plan_.prefetch_dependents(worker.batch.jobs);
  const bool values_go_nowhere_else = !options_.store_results && options_.memory_bytes == 0;
  RequestId last = 0;
  Request* owner = nullptr;
  for (auto next = worker.ran.begin(); const Plan::Job& job : worker.batch.jobs) {
    Worker::Ran& ran = *next++;
    if (ran.is_over) continue;
    Worker::Extra* const extra = ran.extra.get();
    if (job.owner != last) owner = owner_of(worker, last = job.owner).get();
    if (values_go_nowhere_else && !extra && !ran.measured && *ran.result && job.flight.number == 0) {
      if (owner != nullptr) {
        ++owner->outcome.computed;
        ++owner->progress.computed;
      }
      end_flight(job);
      plan_.complete(job.node, std::move(**ran.result));
      continue;
    }
    if (extra != nullptr && extra->run) {
      end_run(job.node);
      if (plan_.forgotten(job.node)) {  // Nobody is told.
        ran.result.emplace(Error(Errc::cancelled));
        extra->verification.reset();
        extra->cut_off = extra->is_stored = false;
      }
    }
    if (ran.measured && !worker.is_timed_whole) observe(*job.function, ran.compute_time);
    if (!*ran.result) find_addresses(worker);
    if (!*ran.result && retry_later(worker, job, ran)) continue;
    if (extra != nullptr && extra->cut_off) {
      settle_cut_off(owner_of(worker, job.owner), job, ran);
    } else if (extra != nullptr && extra->is_stored) {
      settle_shared(owner_of(worker, job.owner), job, *ran.result, std::nullopt);
    } else {
      settle_one(owner_of(worker, job.owner), job, *ran.result, ran.compute_time,
                 extra == nullptr ? nullptr : extra->verification.get());
    }
  }
}

/// Before the jobs are settled that fail.
void Engine::put_back(Worker& worker) {
  for (std::size_t i = 0; i < worker.ran.size(); ++i) {
    if (!worker.ran[i].is_put_back) continue;
    const Plan::Job& job = worker.batch.jobs[i];
    if (const RequestPtr& owner = owner_of(worker, job.owner)) --owner->begun;
    end_run(job.node);
    events_.flight_finished(job, Error(Errc::cancelled));
    end_flight(job);
    plan_.put_back(job.node);
  }
}

/// How long so many calls of it took.
void Engine::observe(const ResolvedFunction& function, std::chrono::nanoseconds time, std::size_t calls) {
  plan_.observe(function.number, static_cast<float>(time.count()) / static_cast<float>(calls));
  calls == 1 ? pace_.function_took(time) : pace_.functions_took(time, calls);
}

/// The same for a function that did not run in a batch of this thread's.
void Engine::settle_apart(Lock& lock, const RequestPtr& owner, const Plan::Task& job, Result<Blob> result,
                          std::chrono::nanoseconds compute_time, Verification* verification,
                          std::vector<Address> discovered) {
  if (result && owner && owner->options.on_computed) {
    announce(lock, owner, job, *result, compute_time, verification != nullptr);
  }
  end_run(job.node);
  events_.take_time();
  if (plan_.forgotten(job.node)) {
    result = Error(Errc::cancelled, "nobody waited for the value any more");
    verification = nullptr;  // It may have been stopped in one of its executions.
  }
  settle_one(owner && !owner->over ? owner : nullptr, job, result, compute_time, verification, &discovered);
  stop_abandoned(lock);
  if (owner) report_progress(lock, owner);
  deliver(lock);
}

/// Takes the value out of the result.
void Engine::settle_one(const RequestPtr& owner, const Plan::Task& job, Result<Blob>& result,
                        std::chrono::nanoseconds compute_time, Verification* verification,
                        std::vector<Address>* discovered) {
  plan_.release(job);
  if (result && !plan_.has_memory_for(job, result->size())) {
    result = Error(Errc::over_budget, "the inputs and the value of the function do not fit into the memory allowed")
                 .with_address(*job.address)
                 .with_function(job.function->id);
  }
  events_.flight_finished(job, result, options_.store_results);
  if (verification != nullptr) events_.verified(job, verification->comparisons());
  if (verification != nullptr) keep_comparisons(verification->comparisons());
  if (!result) {
    if (owner) ++owner->outcome.failed;
    if (*job.address != Address()) known_errors_.keep(*job.address, result.error());
    end_flight(job);
    return plan_.fail(job.node, result.error());
  }
  if (owner) {
    ++owner->outcome.computed;
    ++owner->progress.computed;
    if (verification != nullptr) ++owner->outcome.verified;
  }
  if (options_.store_results) {
    // What a function asked for is not among its inputs: they do not tell its result.
    const bool is_dynamic = discovered != nullptr && !discovered->empty();
    keep_result(job, *result, compute_time, !is_dynamic && to_be_indexed(job, compute_time),
                is_dynamic ? std::move(*discovered) : std::vector<Address>());
  } else {
    end_flight(job);
  }
  plan_.complete(job.node, std::move(*result));
}

}  // namespace deriva::detail
