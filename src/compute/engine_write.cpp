#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "compute/comparison.hpp"
#include "compute/engine.hpp"

namespace deriva::detail {
namespace {

/// While results are being written, so many times a full batch may gather before functions wait.
constexpr std::size_t batches_behind = 3;

/// What the result was computed from.
Result<std::vector<Address>> inputs_of(const Store& store, const ComputedResult& result) {
  const Result<std::optional<Recipe>> recipe = store.recipe(result.address);
  if (!recipe) return recipe.error();
  std::vector<Address> inputs = result.context.discovered;
  if (*recipe) inputs.insert(inputs.end(), (*recipe)->inputs.begin(), (*recipe)->inputs.end());
  return inputs;
}

Result<void> flushed(const std::optional<Error>& error) { return error ? Result<void>(*error) : Result<void>(); }

}  // namespace

/// The number of the last batch that has something in it.
std::uint64_t Engine::newest_batch() const { return unwritten_.empty() ? batch_ - 1 : batch_; }

/// Whether so much is unwritten that functions have to wait for the writer.
bool Engine::lagging() const {
  return writing_ && (unwritten_.results.size() >= batches_behind * options_.flush_results ||
                      unwritten_.bytes / batches_behind >= options_.flush_bytes);
}

/// How many results may come of one batch: about as many as may be unwritten, by their size as it was lately.
std::size_t Engine::results_room() const {
  const std::size_t batches = writing_ ? batches_behind : 1;
  const auto left = [](std::size_t most, std::size_t taken) { return most - std::min(most, taken); };
  const std::size_t by_number = left(options_.flush_results, unwritten_.results.size() / batches);
  const std::size_t by_bytes =
      left(options_.flush_bytes, unwritten_.bytes / batches) / static_cast<std::size_t>(std::max(value_bytes_, 1.0F));
  return std::max<std::size_t>(std::min(by_number, by_bytes), 1);
}

/// Puts the result with those to be written. Until it is, its node is kept: whoever asks meanwhile finds the value
/// there.
void Engine::keep_result(const Plan::Task& job, const Blob& value, std::chrono::nanoseconds compute_time,
                         bool by_inputs, std::vector<Address> discovered) {
  plan_.pin(job.node);
  if (flights_.is_shared()) flights_.land(*job.address, *this, compute_time);
  const auto now = std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
  unwritten_.results.push_back(
      {*job.address, value, compute_time, now, {.by_inputs = by_inputs, .discovered = std::move(discovered)}});
  unwritten_.nodes.push_back(job.node);
  unwritten_.bytes += value.size();
  constexpr float weight = 1.0F / 8;
  value_bytes_ += (static_cast<float>(value.size()) - value_bytes_) * weight;
  events_.to_store(unwritten_.flights, job, value);
}

void Engine::keep_comparisons(std::vector<Comparison>& comparisons) {
  unwritten_.comparisons.insert(unwritten_.comparisons.end(), std::make_move_iterator(comparisons.begin()),
                                std::make_move_iterator(comparisons.end()));
  comparisons.clear();
}

bool Engine::write_results(Lock& lock) {
  if (writing_ || unwritten_.empty()) return false;
  writing_ = true;
  std::swap(unwritten_, being_written_);
  const std::uint64_t number = batch_++;
  const RequestId waiting = endings_.empty() ? 0 : endings_.front().request->id;
  ++busy_;
  wake();
  lock.unlock();

  std::vector<RefusedResult> refused;
  const Clock::time_point started = events_.now();
  const Result<void> put = put_results(refused);
  events_.results_stored(waiting, started, being_written_.results.size(), being_written_.bytes, put.has_value());
  const auto is_refused = [&](const Address& address) {
    return std::ranges::find(refused, address, &RefusedResult::address) != refused.end();
  };
  events_.flights_stored(being_written_.flights, started, put.has_value(), is_refused);
  if (put) {
    for (const ComputedResult& result : being_written_.results) {
      if (!is_refused(result.address)) cache_.put(result.address, result.value);
    }
  }

  lock.lock();
  --busy_;
  writing_ = false;
  written_ = number;
  if (!write_error_ && !put) write_error_ = put.error();
  if (!write_error_ && !refused.empty()) write_error_ = refused.front().error;
  refused_.insert(refused_.end(), refused.begin(), refused.end());
  end_batch(lock, put);
  return true;
}

/// One transaction for all; those that contradict what is stored are refused with what was computed from them, and the
/// others written without them.
Result<void> Engine::put_results(std::vector<RefusedResult>& refused) {
  Result<void> put = store_.put_results(being_written_.results, being_written_.comparisons);
  if (put || put.error().code() != Errc::not_deterministic) return put;
  for (const ComputedResult& result : being_written_.results) {
    const Result<std::vector<Address>> inputs = inputs_of(store_, result);
    if (!inputs) return inputs.error();
    const auto cause = std::ranges::find_first_of(refused, *inputs, {}, &RefusedResult::address);
    if (cause != refused.end()) {
      refused.push_back({result.address, Error(cause->error)});
      continue;
    }
    put = store_.put_results({&result, 1});
    if (put) continue;
    if (put.error().code() != Errc::not_deterministic) return put;
    Result<RefusedResult> contradiction = refuse_contradiction(result);
    if (!contradiction) return contradiction.error();
    refused.push_back(*std::move(contradiction));
  }
  return store_.put_results({}, being_written_.comparisons);
}

/// A result that is not the stored one: the ledger is to know.
Result<RefusedResult> Engine::refuse_contradiction(const ComputedResult& result) {
  const Address& address = result.address;
  const Result<std::optional<ResultRecord>> stored = store_.result(address);
  if (!stored) return stored.error();
  const Result<std::optional<Recipe>> recipe = store_.recipe(address);
  if (!recipe) return recipe.error();
  if (!*stored || !*recipe) return Error(Errc::not_found, "the recipe was removed").with_address(address);
  Result<Comparison> comparison = compare_with_stored(store_, address, **stored, result.value, verify_seed_);
  if (!comparison) return comparison.error();
  Error error = violation(*comparison, (*recipe)->function);
  if (events_.on()) tell_verified(*events_.hub(), *comparison, (*recipe)->function);
  being_written_.comparisons.push_back(*std::move(comparison));
  return RefusedResult{address, std::move(error)};
}

/// The batch is in the store, or could not be written.
void Engine::end_batch(Lock& lock, const Result<void>& put) {
  for (std::size_t i = 0; i < being_written_.nodes.size(); ++i) {
    const NodeId node = being_written_.nodes[i];
    if (!digests_.empty()) digests_.erase(node);  // From now on the store knows.
    if (put) plan_.set_written(node);
    end_flight(node, being_written_.results[i].address);
    plan_.unpin(node);
  }
  being_written_.results.clear();
  being_written_.nodes.clear();
  being_written_.comparisons.clear();
  being_written_.flights.clear();
  being_written_.bytes = 0;
  tell_blocked();
  if (!endings_.empty() || !flush_waiters_.empty()) tell_written(lock, put);
}

void Engine::tell_written(Lock& lock, const Result<void>& put) {
  std::vector<Ending> endings;
  std::vector<FlushWaiter> waiters;
  const auto take = [&](auto& from, auto& to) {
    const auto rest =
        std::stable_partition(from.begin(), from.end(), [&](const auto& one) { return one.batch > written_; });
    to.assign(std::make_move_iterator(rest), std::make_move_iterator(from.end()));
    from.erase(rest, from.end());
  };
  take(endings_, endings);
  take(flush_waiters_, waiters);
  const std::optional<Error> error = waiters.empty() ? std::nullopt : std::exchange(write_error_, std::nullopt);
  const std::vector<RefusedResult> refused = refused_;
  lock.unlock();
  for (FlushWaiter& waiter : waiters) finish<void>(std::move(waiter.completion), flushed(error));
  std::vector<Result<Blob>> results;
  results.reserve(endings.size());
  for (Ending& ending : endings) results.push_back(result_of(ending, put, refused));
  lock.lock();
  for (std::size_t i = 0; i < endings.size(); ++i) conclude(lock, endings[i].request, std::move(results[i]));
}

/// What became of a request that waited to be durable. A result that was refused concerns whoever depends on it.
Result<Blob> Engine::result_of(Ending& ending, const Result<void>& put, std::span<const RefusedResult> refused) {
  const Address& target = ending.request->target;
  if (!put) return put.error();
  for (const RefusedResult& one : refused.subspan(ending.request->first_refusal)) {
    if (one.address == target) return one.error;
    const auto above = store_.dag().transitive_dependents(one.address);
    if (!above || std::find(above->begin(), above->end(), target) != above->end()) return one.error;
  }
  if (ending.value) return std::move(*ending.value);
  return stored_value(target, ending.request->id);
}

// --- Flushing

void Engine::start_flush(Completion<void>::Ptr completion) {
  Lock lock(mutex_);
  const std::uint64_t batch = newest_batch();
  if (batch > written_ && !stopping_) {
    flush_waiters_.push_back({std::move(completion), batch});
    return wake();
  }
  const std::optional<Error> error = std::exchange(write_error_, std::nullopt);
  lock.unlock();
  finish<void>(std::move(completion), flushed(error));
}

Result<void> Engine::flush() {
  const std::shared_ptr<Engine> self = shared_from_this();
  Lock lock(mutex_);
  const std::uint64_t batch = newest_batch();
  while (written_ < batch) {
    if (write_results(lock)) continue;
    ++blocked_;
    changed_.wait(lock);
    --blocked_;
  }
  const std::optional<Error> error = std::exchange(write_error_, std::nullopt);
  return flushed(error);
}

}  // namespace deriva::detail
