#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include <deriva/compute/detail/completion.hpp>
#include <deriva/compute/materialize_options.hpp>
#include <deriva/core/address.hpp>
#include <deriva/core/blob.hpp>
#include <deriva/core/error.hpp>

#include "compute/engine.hpp"
#include "compute/scheduler.hpp"

namespace deriva::test {

/// Keeps what it is given until `run_next` is called.
class HandScheduler : public detail::Scheduler {
 public:
  explicit HandScheduler(std::chrono::nanoseconds turn) : turn_(turn) {}

  void post(std::function<void()> task) override {
    if (on_post) on_post();
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  void post_blocking(std::function<void()> task) override { post(std::move(task)); }
  void arm(std::chrono::steady_clock::time_point, std::function<void()>) override {}
  void disarm() override {
    if (on_disarm) on_disarm();
  }
  std::shared_ptr<const void> work(std::shared_ptr<const void> engine) override { return engine; }
  void spawn(std::shared_ptr<Call>) override {}
  void join() override {  // Those that are left hold on to the engine, and so to this.
    const std::lock_guard lock(mutex_);
    tasks_.clear();
  }
  void pass(std::chrono::nanoseconds time) { ticks_ += time.count(); }
  /// A nanosecond passes from one look to the next: all that is measured is short, however long it was interrupted.
  std::chrono::steady_clock::time_point now() const override {
    return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(++ticks_));
  }
  std::chrono::nanoseconds turn() const override { return turn_; }
  /// Asked by a thread that is about to wait, which has the engine's mutex.
  bool runs_here() const override {
    if (std::this_thread::get_id() == watched && on_waiting) on_waiting();
    return false;
  }

  bool run_next() {
    std::unique_lock lock(mutex_);
    if (tasks_.empty()) return false;
    const std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    return true;
  }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return tasks_.size();
  }

  std::atomic<std::thread::id> watched{};
  std::function<void()> on_waiting;
  std::function<void()> on_disarm;  ///< The same; when it is shut down, among others.
  std::function<void()> on_post;    ///< By a thread that has the engine's mutex.

 private:
  const std::chrono::nanoseconds turn_;
  mutable std::atomic<std::int64_t> ticks_{0};
  mutable std::mutex mutex_;
  std::deque<std::function<void()>> tasks_;
};

/// Says when a request came to a value.
struct Noted final : detail::Completion<Blob> {
  explicit Noted(std::atomic<bool>& is_done) : done(is_done) {}
  void complete(Result<Blob> result) noexcept override {
    done = result.has_value();
    delete this;
  }
  void destroy() noexcept override { delete this; }
  std::atomic<bool>& done;
};

/// Asks for a value, and has it noted when it is there.
inline void start(detail::Engine& engine, const Address& target, std::atomic<bool>& is_done,
                  MaterializeOptions options = {}) {
  engine.start(engine.next_request(), target, std::move(options), detail::Completion<Blob>::Ptr(new Noted(is_done)));
}

}  // namespace deriva::test
