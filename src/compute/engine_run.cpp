#include <algorithm>
#include <utility>

#include "compute/engine.hpp"
#include "compute/routine.hpp"
#include "compute/sample.hpp"

namespace deriva::detail {
namespace {

/// A batch is about so much work, in nanoseconds, and so many nodes at most;
constexpr float batch_time = 25'000;
constexpr std::size_t batch_nodes = 256;
/// so much, if so many of one request are ready for each thread: a batch by itself takes some microseconds
/// (executor.50us.*). What has not begun gives way when a request comes or goes.
constexpr float long_batch_time = 200'000;
constexpr std::size_t long_backlog = 16;
/// Functions that take less than this are not worth another thread, unless there are so many of them.
constexpr float short_time = 400;
constexpr std::size_t short_backlog = 32;
/// Batches of so many nodes are timed as a whole.
constexpr std::size_t timed_batch = 8;
/// Functions that take at least this are verified on several threads.
constexpr float shared_time = 20'000;

}  // namespace

bool Engine::run(Lock& lock, Worker& worker) {
  worker.batch.clear();
  if (!may_run()) return false;
  const std::size_t ready = plan_.ready_count();
  const Clock::time_point began = ready >= timed_batch ? scheduler_->now() : Clock::time_point();
  const bool shares = flights_.is_shared() || flights_.dismissed() != gone_;
  const float time = take_batch(worker, ready, shares);
  if (!worker.batch.refused.empty()) refuse(worker.batch.refused);
  if (worker.batch.jobs.empty()) {
    deliver(lock);  // What was refused.
    return plan_.has_ready();
  }
  if (options_.store_results || options_.memory_bytes > 0 || listeners_ > 0) note_ids(worker.batch);
  if (events_.on()) {
    find_addresses(worker);
    events_.begin_flights(worker.batch.jobs);
  }
  prepare(worker);
  ++busy_;
  const std::size_t count = worker.ran.size();
  const bool is_timed = count >= timed_batch;
  const bool is_tiny = !pace_.worth_sharing(time / static_cast<float>(count));
  const LoneWork::Ticket ticket = is_tiny ? lone_.begin() : LoneWork::Ticket();
  wake(time >= batch_time || plan_.ready_count() >= short_backlog ? plan_.ready_count() : 0);
  const Clock::duration prepared = is_timed && ready >= timed_batch ? scheduler_->now() - began : Clock::duration();
  lock.unlock();

  consult_store(worker);
  gather(worker);
  if (worker.reread) drop_unwanted(lock, worker);
  if (shares || flights_.is_shared()) share(lock, worker);
  const Clock::time_point started = is_timed ? scheduler_->now() : Clock::time_point();
  const std::size_t called = call_functions(worker);
  const Clock::duration taken = is_timed ? scheduler_->now() - started : Clock::duration();

  lock.lock();
  if (is_tiny) {
    mutex_.let_in(lock);  // Who would wait for long, between so many short holds, and be woken after each.
    lone_.end(ticket);
  }
  if (worker.is_timed_whole) {  // Of single calls that are short, most would be the look at the clock.
    observe(*worker.batch.jobs.front().function, taken, called);
  } else if (is_timed) {
    pace_.functions_took(taken, called);
  }
  announce(lock, worker);
  --busy_;
  settle(lock, worker, prepared);
  return true;
}

/// Of so many that are ready. Returns how long it will take, in nanoseconds, as far as it is known.
float Engine::take_batch(Worker& worker, std::size_t ready, bool shares) {
  const bool are_short = pace_.function() < short_time;
  std::size_t most =
      are_short ? batch_nodes : std::min((ready + options_.concurrency - 1) / options_.concurrency, batch_nodes);
  if (options_.store_results) most = std::min(most, results_room());
  const bool may_put_back = !shares && options_.memory_bytes == 0 && options_.resources.empty();
  worker.gives_way = may_put_back && ready >= long_backlog * options_.concurrency && !plan_.several_wait();
  worker.interruptions_before = interruptions_.load(std::memory_order_relaxed);
  const float time = worker.gives_way ? long_batch_time : batch_time;
  return plan_.take_ready(most, time, worker.batch, may_take_along(shares) ? short_time : 0);
}

/// Whether a short function may be called with what others of its batch came to: nothing is to be known of its inputs
/// before, nobody else computes them, nor does memory count.
bool Engine::may_take_along(bool shares) const {
  const bool looks_back = options_.early_cutoff && static_cast<float>(options_.early_cutoff->count()) < short_time;
  return !looks_back && options_.memory_bytes == 0 && !shares;
}

/// Sets apart what is not just a call. Side by side with iterators, as below: indices into both lists take thirty
/// instructions more for each job (executor.empty.*).
void Engine::prepare(Worker& worker) {
  worker.ran.resize(worker.batch.jobs.size());
  worker.look_backs.clear();
  worker.unexplained.clear();
  bool is_uniform = false;
  Routine routine;
  RequestId last = 0;
  Request* owner = nullptr;
  std::uint32_t number = 0;
  for (auto next = worker.ran.begin(); const Plan::Job& job : worker.batch.jobs) {
    Worker::Ran& ran = *next++;
    const std::uint32_t i = number++;
    ran.reset();
    if (job.owner != last) owner = owner_of(worker, last = job.owner).get();
    if (owner != nullptr) ++owner->begun;
    if (job.function != routine.function) {
      is_uniform = i == 0;
      routine = Routine(job, options_);
    }
    ran.measured = routine.is_timed || job.flight.number != 0 || ++worker.calls % Routine::timed_calls == 0;
    if (!ran.measured) ran.compute_time = routine.time;
    if (routine.is_just_called && job.verify_rate <= 0 && !job.was_computed()) continue;
    if (worker.batch.ids.empty()) note_ids(worker.batch);
    if (routine.looks_back || job.was_computed()) prepare_look_back(worker, i);
    if (routine.is_explained) prepare_explanation(worker, i);
    if (!job.function->is_simple || job.verify_rate > 0) prepare_extra(worker, job, ran);
  }
  worker.is_timed_whole = is_uniform && !routine.is_timed && worker.ran.size() >= timed_batch;
}

void Engine::prepare_extra(Worker& worker, const Plan::Job& job, Worker::Ran& ran) {
  find_addresses(worker);
  ran.extra = std::make_unique<Worker::Extra>();
  Worker::Extra& extra = *ran.extra;
  extra.executions = executions(job);
  extra.share = extra.executions > 1 && options_.concurrency > 1 && (job.average == 0 || job.average >= shared_time);
  const Function& function = job.function->function;
  ran.measured = ran.measured || function.options().timeout.count() > 0;
  if (function.is_coroutine() || function.options().blocking) {
    extra.detached = std::make_shared<DetachedRun>();
    extra.detached->set_job(job);
    extra.detached->executions = extra.executions;
    extra.detached->owner = request_of(job.owner);
  }
  if (!function.takes_context()) return;
  extra.run = extra.detached ? extra.detached : std::make_shared<FunctionRun>();
  begin_run(extra.run, job, owner_of(worker, job.owner));
}

/// How often the job is to be executed.
std::uint32_t Engine::executions(const Plan::Task& job) const {
  if (job.verify_rate <= 0) return 1;
  const bool is_chosen =
      job.verify_rate >= 1 || draw(*job.address, verify_seed_) < static_cast<double>(job.verify_rate);
  return is_chosen ? executions_of(job.verify_rate) : 1;
}

// --- Inputs

/// Gets the inputs whose values are in the store; those that others want, too, are kept for them.
void Engine::gather(Worker& worker) {
  worker.loaded.clear();
  worker.stored.clear();
  worker.reread = !worker.batch.missing.empty();
  if (!worker.reread) return;
  const Result<void> found = find_stored(worker);
  NodeId last = none;
  for (std::size_t i = 0; i < worker.batch.missing.size(); ++i) {
    const Plan::Missing& missing = worker.batch.missing[i];
    Blob& input = worker.batch.inputs[missing.position];
    std::optional<Result<Blob>>& failed = worker.ran[missing.job].result;
    if (failed) continue;
    if (missing.node == last) {
      input = worker.loaded.back().second;
      continue;
    }
    const RequestId request = worker.batch.jobs[missing.job].owner;
    const Address& address = worker.addresses[i];
    if (address == Address()) {
      failed = found ? recipe_removed() : found.error();
      continue;
    }
    std::optional<Result<Blob>> value = look_in_cache(address, request);
    if (!value && worker.stored[i]) {
      const Clock::time_point started = events_.now();
      value = load(store_, *std::move(worker.stored[i]));
      if (*value && events_.on()) {
        events_.hit(event::Tier::store, request, started, address, (*value)->size());
      }
      if (*value) cache_.put(address, **value);
    }
    if (!value) value = look(address, request);  // It is damaged, or not there.
    if (!value) value = Error(Errc::not_found, "an input was stored, and is gone");
    if (!*value) {
      failed = value->error().with_address(address);
      continue;
    }
    input = **value;
    if (!missing.shared) continue;
    worker.loaded.emplace_back(missing.node, input);
    last = missing.node;
  }
}

/// Looks all of them up on one snapshot. What has an address and was not found is looked for once more, one by one.
Result<void> Engine::find_stored(Worker& worker) {
  worker.stored.resize(worker.batch.missing.size());
  worker.addresses.assign(worker.batch.missing.size(), Address());
  const auto find = [&](StoreReader& reader) {
    for (std::size_t i = 0; i < worker.stored.size(); ++i) {
      const Plan::Missing& missing = worker.batch.missing[i];
      if (missing.id == none || worker.ran[missing.job].result) continue;
      worker.addresses[i] = reader.address_or_none(missing.id);
      if (i > 0 && worker.batch.missing[i - 1].node == missing.node) continue;
      Result<std::optional<StoredBlob>> value = reader.value(missing.id);
      if (value) worker.stored[i] = *std::move(value);
    }
  };
  return read_for_batch(worker, find);
}

/// Reading takes its time: what nobody wants any more by now is not begun.
void Engine::drop_unwanted(Lock& lock, Worker& worker) {
  lock.lock();
  if (flights_.is_shared()) find_addresses(worker);
  for (auto& [node, value] : worker.loaded) plan_.keep(node, std::move(value));
  worker.loaded.clear();  // Their nodes may go with those that are dropped.
  for (std::size_t i = 0; i < worker.ran.size(); ++i) {
    const Plan::Job& job = worker.batch.jobs[i];
    if (plan_.wanted(job.node)) continue;
    worker.ran[i].is_over = true;
    drop_job(job, owner_of(worker, job.owner));
  }
  lock.unlock();
}

/// Ends a job that was not begun, and that nobody wants any more: nobody is told.
void Engine::drop_job(const Plan::Task& job, const RequestPtr& owner) {
  if (owner && !owner->over) --owner->begun;
  end_run(job.node);
  const Error cancelled(Errc::cancelled);
  events_.take_time();
  events_.flight_finished(job, cancelled);
  end_flight(job);
  plan_.release(job);
  plan_.fail(job.node, cancelled);
}

}  // namespace deriva::detail
