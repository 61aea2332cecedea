#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>

namespace deriva::detail {

/// A mutex whose holder can let in who waits for it. To unlock it and lock it again does not: who has to wake up first
/// comes too late.
class FairMutex {
 public:
  void lock() {
    if (mutex_.try_lock()) return;
    waiting_.fetch_add(1, std::memory_order_relaxed);
    if (!spin()) mutex_.lock();
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    entered_.fetch_add(1, std::memory_order_relaxed);
    entered_.notify_all();
  }
  bool try_lock() { return mutex_.try_lock(); }
  void unlock() { mutex_.unlock(); }

  /// If somebody waits, lets one in. Requires: the lock holds this mutex.
  void let_in(std::unique_lock<FairMutex>& lock) {
    if (waiting_.load(std::memory_order_relaxed) == 0) return;
    const std::uint32_t seen = entered_.load(std::memory_order_relaxed);
    lock.unlock();
    // Who waits has not entered yet, and will.
    for (int pauses = 0; pauses < 1'000 && entered_.load(std::memory_order_relaxed) == seen; ++pauses) pause();
    entered_.wait(seen, std::memory_order_relaxed);
    lock.lock();
  }

 private:
  /// It is mostly held for some microseconds, and to be woken takes as long as this (executor.1us.*).
  bool spin() {
    constexpr std::chrono::microseconds longest{30};
    const auto end = std::chrono::steady_clock::now() + longest;
    do {
      for (int pauses = 0; pauses < 8; ++pauses) pause();
      if (mutex_.try_lock()) return true;
    } while (std::chrono::steady_clock::now() < end);
    return false;
  }
  static void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
  }

  std::mutex mutex_;
  std::atomic<std::uint32_t> waiting_{0};
  std::atomic<std::uint32_t> entered_{0};  ///< Of those who had to wait.
};

}  // namespace deriva::detail
