#include <algorithm>
#include <chrono>
#include <utility>

#include "compute/boundary.hpp"
#include "compute/engine.hpp"

namespace deriva::detail {
namespace {

/// Nodes that are freed, or told of a failure, between two other pieces of work.
constexpr std::size_t sweep_slice = 4'096;
/// What is left alone for so long without getting on is not left alone.
constexpr std::chrono::milliseconds patience{5};

}  // namespace

/// The completion of a thread that blocks in `materialize`.
class Engine::Blocked final : public Completion<Blob> {
 public:
  struct Slot {
    std::optional<Result<Blob>> result;
    bool is_shared = false;  ///< Other threads may know of it.
  };
  Blocked(Engine& engine, Slot& slot) noexcept : engine_(engine), slot_(slot) {}
  void complete(Result<Blob> result) noexcept override {
    if (!slot_.is_shared) return static_cast<void>(slot_.result.emplace(std::move(result)));
    const std::lock_guard lock(engine_.mutex_);
    slot_.result.emplace(std::move(result));
    engine_.tell_blocked();
  }
  void destroy() noexcept override {}  // It lies on the stack of who waits.

 private:
  Engine& engine_;
  Slot& slot_;
};

Result<Blob> Engine::materialize(const Address& address, MaterializeOptions options) {
  if (in_function()) {
    return Error(Errc::invalid_argument, "a function must not block on materialize: it would hold its slot");
  }
  const std::shared_ptr<Engine> self = shared_from_this();  // Shutdown does not wait for who is about to return.
  Blocked::Slot slot;
  Blocked blocked(*this, slot);
  const RequestId id = next_request();
  std::optional<Clock::time_point> deadline = options.deadline;
  Lock lock = begin(id, address, std::move(options), Completion<Blob>::Ptr(&blocked));
  if (!lock) return std::move(*slot.result);
  slot.is_shared = true;
  if (!may_work()) wake();
  deliver(lock);
  bool was_blocked = false;
  const auto check_deadline = [&] {
    if (!deadline || slot.result || scheduler_->now() < *deadline) return;
    deadline.reset();
    exceed_deadline(lock, id);
  };
  while (!slot.result) {
    if (may_work()) {
      std::unique_ptr<Worker> worker = enter(lock);
      while (!slot.result && !stopping_ && step(lock, *worker)) check_deadline();
      leave(std::move(worker), false);
    } else {
      if (!run_here(lock)) {
        std::optional<Clock::time_point> until = deadline;
        const auto no_later_than = [&](Clock::time_point time) { until = std::min(until.value_or(time), time); };
        if (!retries_.empty() && !has_due_retry()) no_later_than(retries_.begin()->first);
        if (watch_) no_later_than(*watch_);
        was_blocked = true;
        ++blocked_;
        ++callers_;
        until ? static_cast<void>(changed_.wait_until(lock, *until)) : changed_.wait(lock);
        --callers_;
        --blocked_;
        if (watch_) look_whether_it_gets_on();
      }
      check_deadline();
    }
  }
  if (was_blocked) wake(plan_.ready_count());  // It may have been told to take over.
  return std::move(*slot.result);
}

/// Runs something of what the scheduler was given, if nobody else does. False: there is nothing, and nobody was told of
/// anything meanwhile.
bool Engine::run_here(Lock& lock) {
  if (!scheduler_->runs_here()) return false;
  const std::uint64_t told = told_;
  ++blocked_;
  lock.unlock();
  const bool ran = scheduler_->run_one();
  lock.lock();
  --blocked_;
  return ran || told_ != told;
}

/// There is something new for those who are blocked.
void Engine::tell_blocked() {
  if (blocked_ == 0) return;
  ++told_;
  changed_.notify_all();
  scheduler_->interrupt();
}

bool Engine::to_write() const {
  return !unwritten_.empty() && !writing_ && (!endings_.empty() || !flush_waiters_.empty() || busy_ == 0);
}

/// Whether more is to be explored. Not if memory is short, and what is under way will go on with what is ready.
bool Engine::to_explore() const {
  return plan_.has_expansions() && (!plan_.is_large() || plan_.ready_count() == 0 || (plan_.is_idle() && !writing_));
}

/// Whether who explores, or runs functions that take next to nothing, is best left alone: threads would wait for the
/// mutex, and what they pass to each other takes longer than what they do (executor.empty.*.t2).
bool Engine::is_left_alone() const { return lone_.any() && !pace_.worth_sharing(); }

/// Whether a thread that comes now could explore.
bool Engine::may_explore() const { return to_explore() && !exploring_ && !is_left_alone(); }

/// Whether a thread that comes now could run functions; none once it is shut down, which may be in the middle of a
/// step.
bool Engine::may_run() const { return !stopping_ && plan_.has_ready() && !lagging() && !is_left_alone(); }

/// Whether a thread that comes now could begin with something.
bool Engine::has_work() const {
  return may_explore() || plan_.can_check_waits() || plan_.has_rubbish() || to_write() || can_make_room() ||
         !verifications_.empty() || has_due_retry() || may_run();
}

bool Engine::can_make_room() const {
  return plan_.lacks_memory() && !writing_ && (!unwritten_.empty() || plan_.can_spill() || plan_.is_stuck());
}

/// Memory for what is ready: results are written and their values forgotten; if there are none, one more may run.
bool Engine::make_room(Lock& lock) {
  if (!can_make_room()) return false;
  if (!write_results(lock) && !plan_.spill() && plan_.is_stuck()) plan_.admit_anyway();
  return true;
}

/// Sees to it that as many threads work as there is work for, of which so many ready nodes. `goes_on`: this thread
/// will, if one more is wanted, as soon as it returns from its task; unless there is work for one thread alone, and a
/// caller that is blocked: that one need not make room for the host's handlers.
void Engine::wake(std::size_t ready, bool goes_on) {
  if (stopping_) return;
  if (!may_run()) ready = can_make_room() ? 1 : 0;
  std::size_t waiting = ready + (may_explore() ? 1U : 0U);
  if (!pace_.worth_sharing()) waiting = std::min<std::size_t>(waiting, 1);  // Who comes second would leave again.
  waiting += (plan_.can_check_waits() ? 1U : 0U) + (plan_.has_rubbish() ? 1U : 0U) + (to_write() ? 1U : 0U) +
             (has_due_retry() ? 1U : 0U) + (verifications_.empty() ? 0U : verifications_.front()->unbegun);
  const std::size_t wanted = std::min(options_.concurrency, busy_ + waiting);
  const bool caller_takes_over = goes_on && callers_ > 0 && !pace_.worth_sharing();
  while (active_ + posted_ + (caller_takes_over ? 1 : 0) < wanted) {
    ++posted_;
    auto task = [self = shared_from_this()] { self->drain(); };
    if (std::exchange(goes_on, false)) {
      scheduler_->post_next(std::move(task));
    } else {
      scheduler_->post(std::move(task));
      if (guarded_) guarding_.end();  // It may have the only thread.
    }
  }
  if (waiting > 0 && active_ < options_.concurrency) tell_blocked();
  if (holds_back() && options_.concurrency > 1) watch();
}

/// Somebody is to look whether what is left alone gets on: a caller that is blocked, or a thread of the I/O executor.
void Engine::watch() {
  if (!watch_) watch_ = Clock::now() + patience;
  if (guarded_ || scheduler_->runs_here()) return;
  guarded_ = true;
  scheduler_->post([self = shared_from_this()] { self->guard(); });
}

/// Whether there is something to do that waits for what is left alone.
bool Engine::holds_back() const { return is_left_alone() && !stopping_ && (to_explore() || plan_.has_ready()); }

/// Keeps its thread for as long as a drain would; another one follows. A timer instead would make an I/O executor
/// without any other look at the operating system's between its handlers (executor.hit.async: 300 -> 530 ns). Does not
/// wait for the mutex: to wake it up, again and again until it is quick enough, takes the one who works a fifth of its
/// time (executor.empty.layered.t2), and if somebody has it, it gets on.
void Engine::guard() {
  guarding_.wait_for(scheduler_->turn());
  const Lock lock(mutex_, std::try_to_lock);
  if (!lock) return scheduler_->post([self = shared_from_this()] { self->guard(); });
  guarded_ = false;
  look_whether_it_gets_on();
}

void Engine::look_whether_it_gets_on() {
  if (watch_ && Clock::now() >= *watch_) {
    watch_.reset();
    lone_.look();
  }
  wake();
}

/// Takes a slot. What is to be made for it is made without the mutex: if it is the first that a thread allocates, that
/// takes a tenth of a millisecond.
std::unique_ptr<Worker> Engine::enter(Lock& lock) {
  ++active_;
  if (!idle_workers_.empty()) {
    std::unique_ptr<Worker> worker = std::move(idle_workers_.back());
    idle_workers_.pop_back();
    return worker;
  }
  lock.unlock();
  auto worker = std::make_unique<Worker>();
  lock.lock();
  return worker;
}

void Engine::leave(std::unique_ptr<Worker> worker, bool goes_on) {
  recycle(std::move(worker->owner));
  worker->batch.clear();
  worker->ran.clear();
  worker->found.clear();
  idle_workers_.push_back(std::move(worker));
  --active_;
  if (stopping_) {
    tell_blocked();
  } else {
    wake(plan_.ready_count(), goes_on);
  }
}

void Engine::drain() {
  Lock lock(mutex_);
  --posted_;
  if (stopping_ || active_ >= options_.concurrency) return;
  std::unique_ptr<Worker> worker = enter(lock);
  worker->now = scheduler_->now();
  const Clock::time_point end = worker->now + scheduler_->turn();
  for (std::uint32_t steps = 1; !stopping_ && step(lock, *worker); ++steps) {
    if (steps % 16 == 0) worker->now = scheduler_->now();
    if (worker->now >= end) break;
  }
  leave(std::move(worker), true);
}

/// A slice of what failures and cancellations leave behind. Who waits for the mutex comes next.
bool Engine::clear_up(Lock& lock) {
  if (!plan_.has_rubbish()) return false;
  plan_.fail_further(sweep_slice);
  plan_.sweep(sweep_slice);
  stop_abandoned(lock);
  deliver(lock);
  mutex_.let_in(lock);
  return true;
}

bool Engine::step(Lock& lock, Worker& worker) {
  const bool write_now = !endings_.empty() || !flush_waiters_.empty() ||
                         unwritten_.results.size() >= options_.flush_results ||
                         unwritten_.bytes >= options_.flush_bytes;
  if (write_now && write_results(lock)) return true;
  const bool cleared = clear_up(lock);
  if (cleared) worker.now = scheduler_->now();  // That took a while: the host's own handlers may wait.
  if (help_verify(lock, worker) || retry(lock)) return true;
  // Exploring comes first: what is missing shows before much is computed, and the total is known early. Unless
  // memory is short: then what is explored goes before there is more of it.
  if (plan_.is_large() && (run(lock, worker) || make_room(lock))) return true;
  if (expand(lock, worker) || check_waits(lock) || run(lock, worker) || make_room(lock) || cleared) return true;
  return write_results(lock);
}

}  // namespace deriva::detail
