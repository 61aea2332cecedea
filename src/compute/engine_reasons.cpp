// Why a function runs, if somebody wants to know.
#include <utility>

#include "compute/engine.hpp"
#include "store/predecessor.hpp"

namespace deriva::detail {
namespace {

/// Whether anybody is told.
bool is_explained(const Plan::Task& job, const RequestPtr& owner) {
  return job.flight.number != 0 || (owner && owner->options.on_computed);
}

void explain(const EngineEvents& events, StoreReader& reader, Plan::Task& job, StoreId id) {
  constexpr PredecessorLimits limits{.inputs = 16, .dependents = 16, .depth = 8};
  const Result<std::optional<StoreId>> previous = find_predecessor(reader, id, limits);
  if (!previous || !*previous) return;
  const Result<Difference> difference = detail::difference(reader, **previous, id);
  if (!difference) return;
  if (difference->version) {
    job.reason = RunReason::function_version_changed;
  } else if (difference->input) {
    job.reason = RunReason::input_changed;
  }
  if (job.flight.number == 0) return;
  const Result<const FunctionId*> function = reader.function(reader.look_up(**previous).function);
  events.explain(job, reader.address(**previous), difference->version && function ? *function : nullptr,
                 difference->input.value_or(0));
}

}  // namespace

/// To look for what changed since something like the job's recipe was computed, if anybody is told.
void Engine::prepare_explanation(Worker& worker, std::uint32_t number) {
  const Plan::Job& job = worker.batch.jobs[number];
  if (job.reason != RunReason::never_computed || job.input_count == 0) return;
  if (!is_explained(job, owner_of(worker, job.owner))) return;
  const StoreId id = plan_.store_id(job.node);
  if (id != none) worker.unexplained.emplace_back(number, id);
}

/// Without the lock.
void Engine::explain(Worker& worker, StoreReader& reader) const {
  for (const auto& [number, id] : worker.unexplained) {
    Plan::Job& job = worker.batch.jobs[number];
    detail::explain(events_, reader, job, id);
    const auto& extra = worker.ran[number].extra;
    if (!extra || !extra->detached) continue;
    extra->detached->job.reason = job.reason;  // The rest of the job is read meanwhile.
    extra->detached->job.flight.why = job.flight.why;
  }
}

}  // namespace deriva::detail
