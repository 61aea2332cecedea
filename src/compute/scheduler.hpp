#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

#include <boost/asio/any_io_executor.hpp>

#include <deriva/compute/function.hpp>
#include <deriva/core/blob.hpp>
#include <deriva/core/error.hpp>

namespace deriva::detail {

/// Where an engine's work runs: the only thing it knows of Asio. Thread safety: any thread.
class Scheduler {
 public:
  Scheduler() = default;
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;
  virtual ~Scheduler() = default;

  /// Runs the task soon on a thread of the I/O executor, never inside this call.
  virtual void post(std::function<void()> task) = 0;
  /// The same from a task that is about to end: the thread that runs it goes on with this one, after all that waits
  /// for its turn, and no other thread is woken for it.
  virtual void post_next(std::function<void()> task) { post(std::move(task)); }

  /// Runs the task as `post` does, at that time or soon after it, instead of any earlier one that has not run yet.
  /// Calls of these two exclude each other.
  virtual void arm(std::chrono::steady_clock::time_point when, std::function<void()> task) = 0;
  /// Forgets the task of `arm`, unless it is about to run.
  virtual void disarm() = 0;

  /// The time that deadlines, turns and functions are measured by. Never zero. Threads that block until a deadline do
  /// so by the steady clock.
  [[nodiscard]] virtual std::chrono::steady_clock::time_point now() const { return std::chrono::steady_clock::now(); }
  /// How long a task of `post` may keep its thread, about, before others get their turn.
  [[nodiscard]] virtual std::chrono::nanoseconds turn() const { return std::chrono::milliseconds(1); }

  /// Whether nobody but the callers of `run_one` runs what it is given.
  [[nodiscard]] virtual bool runs_here() const { return false; }
  /// Runs some of it, or waits for it. False: there is nothing to wait for.
  virtual bool run_one() { return false; }
  /// Makes a call of it that waits, or else the next one, return true. Thread safety: from any thread until `join`.
  virtual void interrupt() {}

  /// Runs a task that may block, soon, on a thread of its own. Requires: not more at a time than it was made for.
  virtual void post_blocking(std::function<void()> task) = 0;
  /// Waits until those tasks are done and gone, and lets go of what nobody else will run. Nothing may follow.
  virtual void join() = 0;

  /// A call of a coroutine function, kept until it is over.
  class Call {
   public:
    Call() = default;
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    virtual ~Call() = default;

    /// Calls the function, on the I/O executor `io`, which outlives the call. Or what the call comes to without it.
    virtual Result<Function::Started> begin(const boost::asio::any_io_executor& io) = 0;
    /// Gets what it returned, or what it or `begin` threw as an `Errc::function_failed`.
    virtual void end(Result<Blob> result) = 0;
  };
  /// As long as it lives, the I/O executor does not run out of work, and the engine that owns this lives: one reference
  /// for each call instead of two (executor.memory.coroutine).
  [[nodiscard]] virtual std::shared_ptr<const void> work(std::shared_ptr<const void> engine) = 0;
  /// Makes a call, which holds on to that `work`. It is dropped without an `end` if the I/O executor is destroyed
  /// first.
  virtual void spawn(std::shared_ptr<Call> call) = 0;
};

/// On an I/O executor of the host.
[[nodiscard]] std::unique_ptr<Scheduler> make_asio_scheduler(boost::asio::any_io_executor io,
                                                             std::size_t blocking_tasks);
/// On the threads that call `run_one` alone, one at a time: posts nothing.
[[nodiscard]] std::unique_ptr<Scheduler> make_inline_scheduler();

}  // namespace deriva::detail
