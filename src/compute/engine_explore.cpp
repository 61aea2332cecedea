#include <utility>

#include "compute/engine.hpp"
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

}  // namespace

bool Engine::expand(Lock& lock, Worker& worker) {
  if (exploring_ || !to_explore()) return false;
  worker.expansions.clear();
  plan_.take_expansions(options_.memory_bytes > 0 ? limited_slice : slice, worker.expansions);
  if (worker.expansions.empty()) return false;
  worker.numbering = plan_.numbering();
  worker.written = written_;
  worker.entered = entered_;
  ++busy_;
  exploring_ = true;
  wake();
  lock.unlock();
  const Result<void> done = read(store_, [&](StoreReader& reader) { explore(lock, worker, reader); });
  if (!lock.owns_lock()) lock.lock();
  if (!done) {  // What was not answered.
    for (const Plan::Expansion& expansion : worker.expansions) plan_.fail(expansion.node, done.error());
  }
  --busy_;
  exploring_ = false;
  if (events_.planning() && !plan_.has_expansions()) events_.plans_made();
  wake();
  deliver(lock);
  return true;
}

/// Looks up and answers slice by slice, as long as the snapshot has all that was written, and that was asked for,
/// when a slice was taken.
void Engine::explore(Lock& lock, Worker& worker, StoreReader& reader) {
  for (std::size_t looked_up = 0;;) {
    const bool fits = reader.numbering() == worker.numbering;
    if (fits) look_up(worker, reader);
    looked_up += worker.expansions.size();
    lock.lock();
    worker.now = events_.on() ? Clock::now() : worker.now;
    if (fits && plan_.numbering() == worker.numbering) {
      for (std::size_t i = 0; i < worker.expansions.size(); ++i) answer(worker, reader, i);
    } else {  // Their ids mean something else by now.
      follow_numbering(reader);
      for (const Plan::Expansion& expansion : worker.expansions) plan_.retry(expansion.node);
    }
    worker.expansions.clear();
    count_met();
    const bool go_on = fits && !plan_.is_large() && !plan_.has_failing() && looked_up < nodes_per_step &&
                       written_ == worker.written && entered_ == worker.entered && !stopping_ &&
                       plan_.numbering() == worker.numbering;
    if (go_on) plan_.take_expansions(options_.memory_bytes > 0 ? limited_slice : slice, worker.expansions);
    if (plan_.has_ready()) wake();
    lock.unlock();
    if (worker.expansions.empty()) return;
  }
}

/// If the snapshot is of a newer numbering than the plan, the plan follows it.
void Engine::follow_numbering(StoreReader& reader) {
  if (plan_.numbering() >= reader.numbering()) return;
  auto find = [&](const Address& address) -> std::optional<StoreId> {
    try {
      return reader.find(address);
    } catch (...) {  // Damage: nothing can be said of the node.
      return std::nullopt;
    }
  };
  plan_.renumber(reader.numbering(), find);
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
      worker.errors.push_back(std::move(failure.error));
    }
  }
}

/// Inputs, function and params of a recipe; its value, if it is kept in memory alone.
void Engine::look_up(Worker& worker, StoreReader& reader, const Plan::Expansion& expansion, Worker::Found& found) {
  found.first_input = worker.inputs.size();
  const StoreReader::Answer answer = reader.look_up(expansion.id, worker.inputs);
  found.known = known(answer.known);
  const bool forced = expansion.forced && answer.has_recipe && found.known == Worker::Known::stored;
  if (forced) found.known = Worker::Known::recipe;
  found.value_bytes = answer.size;
  if (found.known != Worker::Known::recipe) return;
  found.reason = forced ? RunReason::forced : answer.evicted ? RunReason::evicted : RunReason::never_computed;
  found.cost = static_cast<float>(answer.compute_time.count());
  found.input_count = worker.inputs.size() - found.first_input;
  found.params = answer.params;
  found.function = function_of(worker, reader, answer.function);
  if (options_.store_results || forced || cache_.empty()) return;
  found.looked_in_cache = true;
  if (std::optional<Blob> value = cache_.get(reader.address(expansion.id))) {
    found.has_value = true;
    worker.values.push_back(*std::move(value));
  }
}

/// By the store's number of it; throws if the registry has none.
ResolvedFunction* Engine::function_of(Worker& worker, StoreReader& reader, std::uint32_t number) {
  if (number >= worker.functions.size()) worker.functions.resize(number + 1);
  ResolvedFunction*& function = worker.functions[number];
  if (function != nullptr) return function;
  const FunctionId& name = *or_throw(reader.function(number));
  function = functions_.find(name);
  if (function != nullptr) return function;
  throw Failure{Error(Errc::function_not_found, "the registry has no such function").with_function(name)};
}

/// Tells the plan which limits hold for the function, once.
void Engine::introduce(ResolvedFunction& function) {
  if (std::exchange(function.planned, true)) return;
  const FunctionOptions& options = function.function.options();
  const auto resource = resources_.find(options.resource);
  plan_.set_function(function.number, function,
                     {function.function.is_coroutine() ? coroutine_limit_
                      : options.blocking               ? blocking_limit_
                                                       : Plan::Place::unlimited,
                      resource == resources_.end() ? Plan::Place::unlimited : resource->second});
}

/// Null: it is over.
const RequestPtr& Engine::owner_of(Worker& worker, RequestId id) const {
  if (!worker.owner || worker.owner->id != id || worker.owner->over) worker.owner = request_of(id);
  return worker.owner;
}

void Engine::answer(Worker& worker, StoreReader& reader, std::size_t index) {
  const NodeId node = worker.expansions[index].node;
  const Worker::Found& found = worker.found[index];
  if (found.known == Worker::Known::error) {
    const Error error = std::move(worker.errors.front());
    worker.errors.pop_front();
    return plan_.fail(node, error.with_address(plan_.address(node)));
  }
  if (found.known == Worker::Known::nothing) {
    return plan_.fail(
        node, Error(Errc::not_found, "no leaf and no recipe has this address").with_address(plan_.address(node)));
  }
  if (found.looked_in_cache && events_.on()) {
    const Blob* const value = found.has_value ? &worker.values.front() : nullptr;
    events_.looked_up(event::Tier::memory, plan_.owner(node), worker.now, plan_.address(node), value);
  }
  const RequestPtr& owner = owner_of(worker, plan_.owner(node));
  if (found.known == Worker::Known::stored || found.has_value) {
    if (owner) {
      ++owner->outcome.reused;
      ++owner->progress.reused;
    }
    if (!found.has_value) return plan_.set_stored(node, std::nullopt, found.value_bytes);
    plan_.set_stored(node, std::move(worker.values.front()));
    return worker.values.pop_front();
  }
  const Error* failed = worker.expansions[index].forced ? nullptr : known_errors_.find(plan_.address(node));
  if (failed != nullptr) return plan_.fail(node, *failed);
  if (owner) ++owner->progress.planned;
  if (events_.on()) events_.to_compute(plan_.owner(node), worker.now, plan_.address(node));
  introduce(*found.function);
  auto address_of = [&](StoreId id) {
    try {
      return reader.address(id);
    } catch (...) {  // Damage, which looking it up will tell.
      return Address();
    }
  };
  const std::span<const StoreId> inputs = std::span(worker.inputs).subspan(found.first_input, found.input_count);
  plan_.set_recipe(node, {found.function->number, inputs, found.params, found.reason, found.cost}, address_of);
}

}  // namespace deriva::detail
