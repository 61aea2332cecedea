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
  plan_.take_expansions(slice_nodes(), worker.expansions);
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
    looked_up += worker.found.size();
    lock.lock();
    worker.now = events_.on() ? Clock::now() : worker.now;
    const bool answered = fits && plan_.numbering() == worker.numbering;
    if (answered) {
      for (std::size_t i = 0; i < worker.expansions.size(); ++i) {
        answer(worker, reader, worker.expansions[i], worker.found[i]);
      }
    } else {  // Their ids mean something else by now.
      follow_numbering(reader);
      for (const Plan::Expansion& expansion : worker.expansions) plan_.retry(expansion.node);
    }
    if (answered) answer_ahead(worker, reader);
    worker.expansions.clear();
    std::swap(worker.expansions, worker.asked);
    count_met();
    const bool go_on =
        answered && looked_up < nodes_per_step && worker.expansions.size() < slice_nodes() && may_answer(worker);
    if (go_on) plan_.take_expansions(slice_nodes() - worker.expansions.size(), worker.expansions);
    if (plan_.has_ready()) wake();
    lock.unlock();
    if (worker.expansions.empty()) return;
  }
}

std::size_t Engine::slice_nodes() const noexcept { return options_.memory_bytes > 0 ? limited_slice : slice; }

/// Whether what the plan asks for now may be looked up on the snapshot that was taken before.
bool Engine::may_answer(const Worker& worker) const {
  return !plan_.is_large() && !plan_.has_failing() && written_ == worker.written && entered_ == worker.entered &&
         !stopping_ && plan_.numbering() == worker.numbering;
}

/// Answers what the plan asks for next, as far as it was looked up ahead; the others are left in `asked`.
void Engine::answer_ahead(Worker& worker, StoreReader& reader) {
  const std::size_t looked_up = worker.found.size() - worker.expansions.size();
  std::size_t used = 0;
  for (std::size_t before = ~std::size_t{0}; used != before && used < looked_up && may_answer(worker);) {
    before = used;
    const std::size_t first = worker.asked.size();
    plan_.take_expansions(slice - first, worker.asked);
    std::size_t left = first;
    for (std::size_t i = first; i < worker.asked.size(); ++i) {
      const Plan::Expansion expansion = worker.asked[i];
      const std::uint32_t at = expansion.forced ? none : worker.ahead.find(expansion.id, worker.found);
      if (at == none) {
        worker.asked[left++] = expansion;
      } else {
        answer(worker, reader, expansion, worker.found[at]);
        ++used;
      }
    }
    worker.asked.resize(left);
  }
  if (looked_up > 0) worker.ahead.used(used, looked_up);
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
  for (const Plan::Expansion& expansion : worker.expansions) look_up(worker, reader, expansion.id, expansion.forced);
  if (!worker.expansions.empty() && !worker.expansions.front().forced) look_ahead(worker, reader);
}

/// Looks up inputs of what was found, and theirs: of what is narrow, the plan asks node by node, and each time it takes
/// as long as for many (executor.empty.chain). Values in memory are left alone: to look for them counts as a use.
void Engine::look_ahead(Worker& worker, StoreReader& reader) {
  const bool in_memory = !options_.store_results && !cache_.empty();
  if (worker.expansions.size() >= LookAhead::most || in_memory || options_.memory_bytes > 0) return;
  const std::size_t end = worker.expansions.size() + worker.ahead.budget();
  for (std::size_t i = 0; i < worker.expansions.size(); ++i) worker.ahead.add(worker.found[i].id, i);
  for (std::size_t i = 0; i < worker.found.size(); ++i) {
    const std::size_t first = worker.found[i].first_input;
    const std::size_t count = worker.found[i].input_count;
    for (std::size_t input = first; input < first + count; ++input) {
      if (worker.found.size() >= end) return;
      const StoreId id = worker.inputs[input];
      if (worker.ahead.find(id, worker.found) != none) continue;
      worker.ahead.add(id, worker.found.size());
      look_up(worker, reader, id, false);
    }
  }
}

void Engine::look_up(Worker& worker, StoreReader& reader, StoreId id, bool is_forced) {
  Worker::Found& found = worker.found.emplace_back();
  found.id = id;
  if (id == none) return;
  try {
    look_up(worker, reader, found, is_forced);
  } catch (Failure& failure) {
    found.known = Worker::Known::error;
    found.place = static_cast<std::uint32_t>(worker.errors.size());
    worker.errors.push_back(std::move(failure.error));
  }
}

/// Inputs, function and params of a recipe; its value, if it is kept in memory alone.
void Engine::look_up(Worker& worker, StoreReader& reader, Worker::Found& found, bool is_forced) {
  found.first_input = worker.inputs.size();
  const StoreReader::Answer answer = reader.look_up(found.id, worker.inputs);
  found.known = known(answer.known);
  const bool forced = is_forced && answer.has_recipe && found.known == Worker::Known::stored;
  if (forced) found.known = Worker::Known::recipe;
  found.value_bytes = answer.size;
  if (found.known != Worker::Known::recipe) return;
  found.reason = forced ? RunReason::forced : answer.evicted ? RunReason::evicted : RunReason::never_computed;
  found.cost = static_cast<float>(answer.compute_time.count());
  found.input_count = worker.inputs.size() - found.first_input;
  found.params = answer.params;
  const bool is_known = answer.function < worker.functions.size() && worker.functions[answer.function] != nullptr;
  found.function = is_known ? worker.functions[answer.function] : find_function(worker, reader, answer.function);
  if (options_.store_results || forced || cache_.empty()) return;
  found.looked_in_cache = true;
  if (std::optional<Blob> value = cache_.get(reader.address(found.id))) {
    found.has_value = true;
    found.place = static_cast<std::uint32_t>(worker.values.size());
    worker.values.push_back(*std::move(value));
  }
}

/// By the store's number of it; throws if the registry has none.
ResolvedFunction* Engine::find_function(Worker& worker, StoreReader& reader, std::uint32_t number) {
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
                                                       : Plan::Place::unlimited,
                      resource == resources_.end() ? Plan::Place::unlimited : resource->second},
                     function.is_simple);
}

void Engine::answer(Worker& worker, StoreReader& reader, const Plan::Expansion& expansion, const Worker::Found& found) {
  const NodeId node = expansion.node;
  if (found.known == Worker::Known::error) {
    return plan_.fail(node, worker.errors[found.place].with_address(plan_.address(node)));
  }
  if (found.known == Worker::Known::nothing) {
    return plan_.fail(
        node, Error(Errc::not_found, "no leaf and no recipe has this address").with_address(plan_.address(node)));
  }
  if (found.looked_in_cache && events_.on()) {
    const Blob* const value = found.has_value ? &worker.values[found.place] : nullptr;
    events_.looked_up(event::Tier::memory, plan_.owner(node), worker.now, plan_.address(node), value);
  }
  const RequestPtr& owner = owner_of(worker, plan_.owner(node));
  if (found.known == Worker::Known::stored || found.has_value) {
    if (owner) {
      ++owner->outcome.reused;
      ++owner->progress.reused;
    }
    if (!found.has_value) return plan_.set_stored(node, std::nullopt, found.value_bytes);
    return plan_.set_stored(node, std::move(worker.values[found.place]));
  }
  const Error* failed = expansion.forced ? nullptr : known_errors_.find(plan_.address(node));
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
