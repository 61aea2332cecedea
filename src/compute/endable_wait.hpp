#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace deriva::detail {

/// One thread waits for a while, or until another one ends that. Thread safety: `end` from any thread.
class EndableWait {
 public:
  void wait_for(std::chrono::nanoseconds time) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, time, [this] { return ended_; });
    ended_ = false;
  }
  /// Ends this wait; or if nobody waits, the next one.
  void end() {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(ended_, true)) changed_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
};

}  // namespace deriva::detail
