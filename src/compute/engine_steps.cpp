#include <utility>

#include "compute/boundary.hpp"
#include "compute/engine.hpp"

namespace deriva::detail {
namespace {

/// Addresses that are looked up on one snapshot, and fed to the plan under one lock.
constexpr std::size_t expansion_batch = 64;

}  // namespace

bool Engine::step(Lock& lock) {
  const bool write_now =
      !endings_.empty() || unwritten_.size() >= options_.flush_results || unwritten_bytes_ >= options_.flush_bytes;
  if (write_now && write_results(lock)) return true;
  // Exploring comes first: what is missing shows before anything is computed, and the total is known early.
  return expand(lock) || run_next(lock) || write_results(lock);
}

// --- Exploring

bool Engine::expand(Lock& lock) {
  std::vector<Plan::Expansion> batch;
  plan_.take_expansions(expansion_batch, batch);
  if (batch.empty()) return false;
  wake();
  ++busy_;
  lock.unlock();

  std::vector<Address> addresses;
  addresses.reserve(batch.size());
  for (const Plan::Expansion& expansion : batch) addresses.push_back(expansion.address);
  std::vector<Result<Lookup::Answer>> found(batch.size(), Lookup::Answer(Lookup::Unknown{}));
  auto visit = [&](std::size_t index, Lookup::Answer answer) { found[index] = std::move(answer); };
  if (!store_.look_up(addresses, visit)) {
    // One address that is damaged must not fail the others, which may be other requests'.
    for (std::size_t i = 0; i < batch.size(); ++i) {
      auto visit_one = [&](std::size_t, Lookup::Answer answer) { found[i] = std::move(answer); };
      if (const Result<void> looked = store_.look_up({&addresses[i], 1}, visit_one); !looked) found[i] = looked.error();
    }
  }
  std::vector<const ResolvedFunction*> functions(batch.size(), nullptr);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (!found[i]) continue;
    if (const auto* computable = std::get_if<Lookup::Computable>(&*found[i])) {
      functions[i] = functions_.find(computable->recipe.function);
    }
  }

  lock.lock();
  --busy_;
  for (std::size_t i = 0; i < batch.size(); ++i) answer(batch[i], found[i], functions[i]);
  wake();
  std::vector<Delivery> deliveries = collect_finished();
  stop_abandoned(lock);
  deliver(lock, std::move(deliveries));
  return true;
}

void Engine::answer(const Plan::Expansion& expansion, Result<Lookup::Answer>& found, const ResolvedFunction* function) {
  if (!found) return plan_.fail(expansion.node, found.error().with_address(expansion.address));
  const RequestPtr owner = request_of(plan_.owner(expansion.node));
  if (std::holds_alternative<Lookup::Stored>(*found)) {
    if (owner) {
      ++owner->outcome.reused;
      ++owner->progress.reused;
    }
    return plan_.set_stored(expansion.node);
  }
  auto* computable = std::get_if<Lookup::Computable>(&*found);
  if (computable == nullptr) {
    return plan_.fail(expansion.node,
                      Error(Errc::not_found, "no leaf and no recipe has this address").with_address(expansion.address));
  }
  Recipe& recipe = computable->recipe;
  if (function == nullptr) {
    return plan_.fail(expansion.node, Error(Errc::function_not_found, "the registry has no such function")
                                          .with_address(expansion.address)
                                          .with_function(recipe.function));
  }
  if (owner) ++owner->progress.planned;
  plan_.set_recipe(expansion.node, *function, recipe.inputs, std::move(recipe.params),
                   computable->evicted ? RunReason::evicted : RunReason::never_computed);
}

// --- Running

bool Engine::run_next(Lock& lock) {
  Run run;
  if (!parked_.empty() && coroutines_.size() < options_.coroutine_concurrency) {
    run = std::move(parked_.front());
    parked_.pop_front();
    if (!plan_.wanted(run.job.node)) {
      plan_.fail(run.job.node, Error(Errc::cancelled, "nobody waited for the value any more"));
      return true;
    }
  } else if (std::optional<Plan::Job> job = plan_.take_ready()) {
    run.job = std::move(*job);
    run.owner = request_of(run.job.owner);
    run.verify = chosen_for_verification(run.job);
  } else {
    return false;
  }
  const bool is_coroutine = run.job.function->function.is_coroutine();
  if (is_coroutine) {
    if (coroutines_.size() >= options_.coroutine_concurrency) {
      parked_.push_back(std::move(run));
      return true;
    }
    run.stop = std::stop_source();
    coroutines_.emplace(run.job.node, run.stop);
    plan_.set_stoppable(run.job.node);
  }
  wake();
  ++busy_;
  lock.unlock();

  std::vector<std::pair<NodeId, Blob>> loaded;
  Result<std::vector<Blob>> inputs = gather(run.job, loaded);
  run.started = Clock::now();
  if (is_coroutine && inputs) {
    run.inputs = std::move(*inputs);
    start_coroutine(std::make_shared<Run>(std::move(run)));
    lock.lock();
    --busy_;
    for (auto& [node, value] : loaded) plan_.keep(node, std::move(value));
    return true;
  }
  Result<Blob> result = inputs ? run_plain(run, *inputs) : Result<Blob>(inputs.error());
  const auto compute_time = Clock::now() - run.started;

  lock.lock();
  announce(lock, run, result, compute_time);
  --busy_;
  if (is_coroutine) coroutines_.erase(run.job.node);
  for (auto& [node, value] : loaded) plan_.keep(node, std::move(value));
  settle(lock, run, std::move(result), compute_time);
  return true;
}

/// The values of a job's inputs, in order; those read from the store that others want, too, are added to `loaded`.
Result<std::vector<Blob>> Engine::gather(Plan::Job& job, std::vector<std::pair<NodeId, Blob>>& loaded) {
  std::vector<Blob> values;
  values.reserve(job.inputs.size());
  for (Plan::Input& input : job.inputs) {
    if (!input.value) input.value = cache_.get(input.address);
    if (!input.value) {
      Result<std::optional<Blob>> stored = store_.value(input.address);
      if (!stored) return stored.error().with_address(input.address);
      if (!*stored) return Error(Errc::not_found, "an input was stored, and is gone").with_address(input.address);
      input.value = std::move(*stored);
      if (input.shared) loaded.emplace_back(input.node, *input.value);
    }
    values.push_back(std::move(*input.value));
  }
  return values;
}

}  // namespace deriva::detail
