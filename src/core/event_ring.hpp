#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <deriva/core/event.hpp>

namespace deriva::detail {

/// What one thread has emitted and nobody has fetched: one producer, one consumer, no locks.
class EventRing {
 public:
  enum class Push : std::uint8_t { done, half_full, dropped };

  EventRing(const void* owner, std::uint32_t thread, std::size_t capacity)
      : owner_(owner), thread_(thread), capacity_(std::bit_ceil(std::max<std::size_t>(capacity, 2))) {}

  /// The producer's. `half_full` is said once each time the ring becomes so.
  Push push(const Event& event) noexcept {
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - seen_head_ >= capacity_) {
      seen_head_ = head_.load(std::memory_order_acquire);
      if (tail - seen_head_ >= capacity_) return drop();
    }
    if (!slots_) slots_.reset(new (std::nothrow) Event[capacity_]);
    if (!slots_) return drop();
    slots_[tail & (capacity_ - 1)] = event;
    tail_.store(tail + 1, std::memory_order_release);
    return tail + 1 - seen_head_ == capacity_ / 2 ? Push::half_full : Push::done;
  }

  /// The consumer's: appends what is there.
  void drain(std::vector<Event>& out) {
    const std::uint64_t tail = tail_.load(std::memory_order_acquire);
    std::uint64_t head = head_.load(std::memory_order_relaxed);
    for (; head != tail; ++head) out.push_back(slots_[head & (capacity_ - 1)]);
    head_.store(head, std::memory_order_release);
  }
  /// The consumer's: forgets what is there.
  void clear() noexcept { head_.store(tail_.load(std::memory_order_acquire), std::memory_order_release); }

  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool empty() const noexcept {
    return head_.load(std::memory_order_relaxed) == tail_.load(std::memory_order_acquire);
  }
  [[nodiscard]] std::uint32_t thread() const noexcept { return thread_; }

  /// Whose ring it is; nobody's once that hub is gone, so that one at the same place is not taken for it.
  [[nodiscard]] const void* owner() const noexcept { return owner_.load(std::memory_order_acquire); }
  void disown() noexcept { owner_.store(nullptr, std::memory_order_release); }

 private:
  Push drop() noexcept {
    dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    return Push::dropped;
  }

  static constexpr std::size_t line = 64;

  std::atomic<const void*> owner_;
  const std::uint32_t thread_;
  const std::size_t capacity_;
  std::unique_ptr<Event[]> slots_;  ///< Allocated by the producer, with its first event.
  alignas(line) std::atomic<std::uint64_t> tail_{0};
  std::uint64_t seen_head_ = 0;  ///< The producer's copy of the head.
  std::atomic<std::uint64_t> dropped_{0};
  alignas(line) std::atomic<std::uint64_t> head_{0};
};

}  // namespace deriva::detail
