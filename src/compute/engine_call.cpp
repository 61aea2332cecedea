#include <utility>

#include "compute/boundary.hpp"
#include "compute/engine.hpp"
#include "compute/routine.hpp"
#include "core/blob_loan.hpp"

namespace deriva::detail {
namespace {

/// Apart from `Engine::call`, which calls short functions, too: a context takes as long as those.
Result<Blob> call_with_context(const Plan::Task& job, const Params& params, std::span<const Blob> inputs,
                               const FunctionRun& run) {
  ContextState state = run.context;
  std::optional<ExecutionProgress> progress;
  if (run.progress) state.progress = &progress.emplace(*run.progress);
  Context context(state);
  return call_guarded(job.function->function, inputs, params, &context);
}

[[gnu::always_inline]] inline Result<Blob> invoke(const Plan::Task& job, const Params& params,
                                                  std::span<const Blob> inputs, const FunctionRun* run) {
  return run == nullptr ? call_guarded(job.function->function, inputs, params)
                        : call_with_context(job, params, inputs, *run);
}

/// It is settled by `Engine::put_back`.
void set_put_back(Worker& worker, Worker::Ran& ran) { ran.is_over = ran.is_put_back = worker.puts_back = true; }

/// Lends what a job came to; if it is a single input, where it lies. If it came to nothing, neither does the one that
/// needs it, unless that was dropped.
[[gnu::always_inline]] inline void connect(Worker& worker, const PlanJob::Wire& wire, std::span<Blob>& inputs) {
  Worker::Ran& to = worker.ran[wire.job];
  if (to.is_over) return;
  std::optional<Result<Blob>>& from = worker.ran[wire.from].result;
  if (!from || !*from) {
    set_put_back(worker, to);
  } else if (inputs.size() == 1) {
    inputs = {&**from, 1};
  } else {
    worker.batch.inputs[wire.position] = BlobLoan::of(**from);
  }
}

/// Who failed may be tried again, and keeps its inputs.
void disconnect(Worker& worker) {
  const auto failed = [&](std::size_t job) { return worker.ran[job].result && !*worker.ran[job].result; };
  for (const PlanJob::Wire& wire : worker.batch.wires) {
    const std::optional<Result<Blob>>& from = worker.ran[wire.from].result;
    if (failed(wire.job) && from && *from) worker.batch.inputs[wire.position] = **from;
  }
  for (std::size_t i = 0; i < worker.ran.size(); ++i) {
    if (failed(i)) BlobLoan::end(worker.batch.inputs_of(worker.batch.jobs[i]));
  }
}

/// Except for what goes its own way: to start that takes no time, and it has its places.
void put_back_from(Worker& worker, std::size_t first) {
  worker.gives_way = false;
  for (std::size_t i = first; i < worker.ran.size(); ++i) {
    Worker::Ran& ran = worker.ran[i];
    if (!ran.is_over && !ran.result && !(ran.extra && ran.extra->detached)) set_put_back(worker, ran);
  }
}

}  // namespace

/// Null: they are damaged, and that is the result.
[[gnu::always_inline]] inline Params* Engine::params_of(Worker& worker, const Plan::Job& job, Worker::Ran& ran) {
  if (job.params.empty()) return &worker.no_params;
  const Result<void> decoded = decode_params(job.params, worker.params);
  if (decoded) return &worker.params;
  look_addresses_up(worker);
  ran.result.emplace(decoded.error().with_address(*job.address));
  return nullptr;
}

/// Calls it once.
[[gnu::always_inline]] inline void Engine::call_plainly(Worker& worker, const Plan::Task& job, const Params& params,
                                                        std::span<const Blob> inputs, Worker::Ran& ran) {
  ran.make_result([&] { return invoke(job, params, inputs, ran.extra ? ran.extra->run.get() : nullptr); });
  if (*ran.result) return;
  look_addresses_up(worker);
  *ran.result = attribute(ran.result->error(), *job.address, job.function->id);
}

/// Returns how many had their turn: the others are put back.
std::size_t Engine::call_functions(Worker& worker) {
  worker.puts_back = worker.fails = false;
  Clock::time_point last{};  // When the one before ended, if that is known.
  std::span<const PlanJob::Wire> wires = worker.batch.wires;
  std::size_t number = 0;
  std::size_t count = worker.ran.size();
  for (auto next = worker.ran.begin(); const Plan::Job& job : worker.batch.jobs) {
    Worker::Ran& ran = *next++;
    const std::size_t i = number++;
    if (worker.gives_way && i > 0 && interruptions_.load(std::memory_order_relaxed) != worker.interruptions_before) {
      put_back_from(worker, count = i);
    }
    std::span<Blob> inputs = worker.batch.inputs_of(job);
    for (; !wires.empty() && wires.front().job == i; wires = wires.subspan(1)) connect(worker, wires.front(), inputs);
    Params* const params = ran.is_over || ran.result ? nullptr : params_of(worker, job, ran);
    if (params == nullptr) {
      ran.measured = false;
      last = {};
    } else if (!ran.measured && !ran.extra) {  // Most of those that take next to nothing.
      call_plainly(worker, job, *params, inputs, ran);
      last = {};
    } else {
      last = call_function(worker, job, *params, inputs, ran, last);
    }
    if (ran.result && !*ran.result) worker.fails = true;
  }
  if (worker.fails) disconnect(worker);
  return count;
}

/// The one before ended at `last`; returns when this one did. Zero: it is not known.
inline Engine::Clock::time_point Engine::call_function(Worker& worker, const Plan::Job& job, Params& params,
                                                       std::span<Blob> inputs, Worker::Ran& ran,
                                                       Clock::time_point last) {
  if (ran.extra && ran.extra->run && job.function->function.options().timeout.count() > 0) {
    const Lock lock(mutex_);
    begin_time(*ran.extra->run);
  }
  if (ran.extra && ran.extra->detached) {
    ran.is_over = true;  // It goes its own way.
    detach(*ran.extra, params, inputs);
    return {};
  }
  const Clock::time_point start = !ran.measured || last != Clock::time_point() ? last : scheduler_->now();
  const std::uint32_t executions = ran.extra ? ran.extra->executions : 1;
  if (executions == 1) {
    if (job.flight.number != 0) events_.function_started(job, false, start);
    call_plainly(worker, job, params, inputs, ran);
  } else {
    execute_repeatedly(job, params, inputs, ran);
  }
  Clock::time_point end{};
  if (ran.measured) {
    end = worker.now = scheduler_->now();
    ran.compute_time = (end - start) / executions;
  }
  if (job.flight.number != 0 && executions == 1) {
    events_.function_finished(job, false, start, end, inputs, *ran.result);
  }
  if (ran.extra && ran.result) {
    if (ran.measured) check_time(job, ran.compute_time, *ran.result);
    if (ran.extra->known && !ran.extra->share) {
      compare_with_known(job, ran.extra->known, *ran.result, ran.extra->verification);
      end = {};
    }
  }
  if (ran.result && *ran.result && Routine::is_kept(ran.compute_time, options_)) {
    look_addresses_up(worker);
    cache_.put(*job.address, **ran.result, ran.compute_time);
  }
  return end;
}

void Engine::detach(Worker::Extra& extra, Params& params, std::span<Blob> inputs) {
  BlobLoan::end(inputs);
  extra.detached->set_known(extra.known);
  extra.detached->set_arguments(inputs, std::move(params));
  start_detached(std::exchange(extra.detached, nullptr));
}

void Engine::execute_repeatedly(const Plan::Task& job, Params& params, std::span<Blob> inputs, Worker::Ran& ran) {
  if (ran.extra->share) {
    verify_shared(job, std::move(params), inputs, ran);
  } else {
    verify_here(job, params, inputs, ran);
  }
}

/// Calls it once, and tells observers. `again`: another execution, to be compared.
Result<Blob> Engine::call(const Plan::Task& job, const Params& params, std::span<const Blob> inputs,
                          const FunctionRun* run, bool again) const {
  const bool is_told = job.flight.number != 0;
  const Clock::time_point started = is_told ? Clock::now() : Clock::time_point();
  if (is_told) events_.function_started(job, again, started);
  Result<Blob> result = invoke(job, params, inputs, run);
  if (!result) result = attribute(result.error(), *job.address, job.function->id);
  if (is_told) events_.function_finished(job, again, started, Clock::now(), inputs, result);
  return result;
}

}  // namespace deriva::detail
