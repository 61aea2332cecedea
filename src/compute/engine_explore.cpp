#include <algorithm>
#include <utility>

#include "compute/engine.hpp"
#include "compute/plan_expand.hpp"
#include "storage/failure.hpp"

namespace deriva::detail {
namespace {

/// Nodes that are looked up between two holds of the mutex; if memory is limited: inputs of a few of the same kind.
constexpr std::size_t slice = 512;
constexpr std::size_t limited_slice = 16;
/// Nodes that are looked up in one step, as long as one snapshot serves.
constexpr std::size_t nodes_per_step = 4'096;

Worker::Known known(StoreReader::Known known) {
  switch (known) {
    case StoreReader::Known::nothing:
      break;
    case StoreReader::Known::stored:
      return Worker::Known::stored;
    case StoreReader::Known::recipe:
      return Worker::Known::recipe;
  }
  return Worker::Known::nothing;
}

/// Null: its number was not asked for yet, or is that of no function.
ResolvedFunction* known_function(const Worker& worker, std::uint32_t number) {
  return number < worker.functions.size() ? worker.functions[number] : nullptr;
}

}  // namespace

bool Engine::expand(Lock& lock, Worker& worker) {
  if (!may_explore()) return false;
  worker.expansions.clear();
  plan_.take_expansions(slice_nodes(), worker.expansions);
  if (worker.expansions.empty()) return false;
  worker.numbering = plan_.numbering();
  worker.written = written_;
  worker.interruptions = interruptions_;
  ++busy_;
  exploring_ = true;
  const LoneWork::Ticket ticket = lone_.begin();
  wake();
  lock.unlock();
  const Result<void> done = read(store_, [&](StoreReader& reader) { explore(lock, worker, reader); });
  if (!lock.owns_lock()) lock.lock();
  if (!done) {  // What was not answered.
    for (const Plan::Expansion& expansion : worker.expansions) plan_.fail(expansion.node, done.error());
  }
  --busy_;
  exploring_ = false;
  lone_.end(ticket);
  if (events_.planning() && !plan_.has_expansions()) events_.plans_made();
  wake();
  deliver(lock);
  return true;
}

/// Looks up and answers slice by slice, as long as the snapshot has all that was written, and that was asked for,
/// when a slice was taken.
void Engine::explore(Lock& lock, Worker& worker, StoreReader& reader) {
  worker.blocks.begin(reader);
  std::size_t left = nodes_per_step;
  for (bool goes_on = true; goes_on;) {
    const bool fits = reader.numbering() == worker.numbering;
    if (fits) look_up(worker, reader);
    lock.lock();
    mutex_.let_in(lock);
    worker.now = events_.on() ? scheduler_->now() : worker.now;
    const bool answered = fits && plan_.numbering() == worker.numbering;
    if (answered) {
      for (std::size_t i = 0; i < worker.expansions.size(); ++i) {
        answer(worker, reader, worker.expansions[i], worker.found[i]);
      }
    } else {  // Their ids mean something else by now.
      follow_numbering(reader);
      for (const Plan::Expansion& expansion : worker.expansions) plan_.retry(expansion.node);
    }
    left -= std::min(left, worker.expansions.size());
    worker.expansions.clear();
    const std::size_t decoded = answered && left > 0 && may_answer(worker) ? answer_decoded(worker, reader) : 0;
    left -= std::min(left, decoded);
    goes_on = !worker.expansions.empty() || (decoded > 0 && plan_.has_expansions());
    count_met();
    if (plan_.has_ready()) wake();
    lock.unlock();
  }
}

/// In line with both of its callers (executor.empty.*).
[[gnu::always_inline]] inline void Engine::plan_recipe(Worker& worker, StoreReader& reader,
                                                       const Plan::Expansion& expansion, ResolvedFunction& function,
                                                       const Plan::Found& found) {
  if (!known_errors_.empty() && !expansion.forced) {
    if (const Error* const failed = known_errors_.find(reader.address_or_none(expansion.id))) {
      return plan_.fail(expansion.node, *failed);
    }
  }
  if (const RequestPtr& owner = owner_of(worker, expansion.owner)) ++owner->progress.planned;
  if (events_.on()) events_.to_compute(expansion.owner, worker.now, reader.address_or_none(expansion.id));
  introduce(function);
  plan_.set_recipe(expansion, found);
}

/// Answers what the plan asks for next, as far as its recipe is decoded; the others are left in `expansions`. Returns
/// how many were answered.
std::size_t Engine::answer_decoded(Worker& worker, StoreReader& reader) {
  const bool in_memory = !options_.store_results && !cache_.empty();  // To be looked for in the cache.
  const std::size_t most_unknown = worker.blocks.lie_together() ? 1 : slice_nodes();
  std::size_t answered = 0;
  plan_.expand(slice_nodes(), [&](const Plan::Expansion& expansion) {
    const RecipeBlock* const block = expansion.forced || in_memory ? nullptr : worker.blocks.find(expansion.id);
    const RecipeBlock::Entry* const recipe = block == nullptr ? nullptr : &block->entry(expansion.id);
    ResolvedFunction* const function = recipe == nullptr ? nullptr : known_function(worker, recipe->function);
    if (function == nullptr) {
      worker.expansions.push_back(expansion);
      return worker.expansions.size() < most_unknown;
    }
    worker.blocks.count_use();
    ++answered;
    plan_recipe(worker, reader, expansion, *function,
                {function->number, block->inputs_of(*recipe), block->params_of(*recipe)});
    return true;
  });
  return answered;
}

std::size_t Engine::slice_nodes() const noexcept { return options_.memory_bytes > 0 ? limited_slice : slice; }

/// Whether what the plan asks for now may be looked up on the snapshot that was taken before.
bool Engine::may_answer(const Worker& worker) const {
  return !plan_.is_large() && !plan_.has_failing() && written_ == worker.written &&
         interruptions_ == worker.interruptions && !stopping_ && plan_.numbering() == worker.numbering;
}

void Engine::look_up(Worker& worker, StoreReader& reader) {
  worker.inputs.clear();
  worker.values.clear();
  worker.errors.clear();
  worker.found.clear();
  for (const Plan::Expansion& expansion : worker.expansions) {
    Worker::Found& found = worker.found.emplace_back();
    if (expansion.id == none) continue;
    try {
      look_up(worker, reader, expansion, found);
    } catch (Failure& failure) {
      found.known = Worker::Known::error;
      found.place = static_cast<std::uint32_t>(worker.errors.size());
      worker.errors.push_back(std::move(failure.error));
    }
  }
}

/// Inputs, function and params of a recipe; its value, if it is kept in memory alone.
void Engine::look_up(Worker& worker, StoreReader& reader, const Plan::Expansion& expansion, Worker::Found& found) {
  found.first_input = worker.inputs.size();
  bool forced = false;
  const RecipeBlock* const block = expansion.forced ? nullptr : worker.blocks.open(expansion.id);
  if (block != nullptr && block->entry(expansion.id).function != RecipeBlock::no_function) {
    const RecipeBlock::Entry& recipe = block->entry(expansion.id);
    const std::span<const StoreId> inputs = block->inputs_of(recipe);
    worker.inputs.insert(worker.inputs.end(), inputs.begin(), inputs.end());
    found.known = Worker::Known::recipe;
    found.params = block->params_of(recipe);
    found.function = find_function(worker, reader, recipe.function);
  } else {
    const StoreReader::Answer answer = reader.look_up(expansion.id, worker.inputs);
    forced = expansion.forced && answer.has_recipe && answer.known == StoreReader::Known::stored;
    found.known = forced ? Worker::Known::recipe : known(answer.known);
    found.value_bytes = answer.size;
    if (found.known != Worker::Known::recipe) return;
    found.reason = forced ? RunReason::forced : answer.evicted ? RunReason::evicted : RunReason::never_computed;
    found.cost = static_cast<float>(answer.compute_time.count());
    found.params = answer.params;
    found.function = find_function(worker, reader, answer.function);
  }
  found.input_count = worker.inputs.size() - found.first_input;
  if (options_.store_results || forced || cache_.empty()) return;
  found.looked_in_cache = true;
  if (std::optional<Blob> value = cache_.get(reader.address(expansion.id))) {
    found.has_value = true;
    found.place = static_cast<std::uint32_t>(worker.values.size());
    worker.values.push_back(*std::move(value));
  }
}

/// By the store's number of it; throws if the registry has none.
ResolvedFunction* Engine::find_function(Worker& worker, StoreReader& reader, std::uint32_t number) {
  if (ResolvedFunction* const known = known_function(worker, number)) return known;
  const FunctionId& name = *or_throw(reader.function(number));
  ResolvedFunction* const function = functions_.find(name);
  if (function == nullptr) {
    throw Failure{Error(Errc::function_not_found, "the registry has no such function").with_function(name)};
  }
  if (number >= worker.functions.size()) worker.functions.resize(number + 1);
  return worker.functions[number] = function;
}

/// Tells the plan which limits hold for the function, once.
void Engine::introduce(ResolvedFunction& function) {
  if (std::exchange(function.planned, true)) return;
  const FunctionOptions& options = function.function.options();
  const auto resource = resources_.find(options.resource);
  plan_.set_function(function.number, function,
                     {function.function.is_coroutine() ? coroutine_limit_
                      : options.blocking               ? blocking_limit_
                                                       : Plan::unlimited,
                      resource == resources_.end() ? Plan::unlimited : resource->second},
                     function.is_simple);
}

void Engine::answer(Worker& worker, StoreReader& reader, const Plan::Expansion& expansion, const Worker::Found& found) {
  const NodeId node = expansion.node;
  if (expansion.id == none) return plan_.fail(node, recipe_removed());
  const auto address = [&] { return reader.address_or_none(expansion.id); };
  if (found.known == Worker::Known::error) {
    return plan_.fail(node, worker.errors[found.place].with_address(address()));
  }
  if (found.known == Worker::Known::nothing) {
    return plan_.fail(node, Error(Errc::not_found, "no leaf and no recipe has this address").with_address(address()));
  }
  if (found.looked_in_cache && events_.on()) {
    const Blob* const value = found.has_value ? &worker.values[found.place] : nullptr;
    events_.looked_up(event::Tier::memory, expansion.owner, worker.now, address(), value);
  }
  const RequestPtr& owner = owner_of(worker, expansion.owner);
  if (found.known == Worker::Known::stored || found.has_value) {
    if (owner) {
      ++owner->outcome.reused;
      ++owner->progress.reused;
    }
    if (!found.has_value) return plan_.set_stored(node, std::nullopt, found.value_bytes);
    return plan_.set_stored(node, std::move(worker.values[found.place]));
  }
  const std::span<const StoreId> inputs = std::span(worker.inputs).subspan(found.first_input, found.input_count);
  plan_recipe(worker, reader, expansion, *found.function,
              {found.function->number, inputs, found.params, found.reason, found.cost});
}

}  // namespace deriva::detail
