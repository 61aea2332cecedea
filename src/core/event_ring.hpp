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
  EventRing(const void* owner, std::uint32_t thread, std::size_t capacity)
      : owner_(owner), thread_(thread), capacity_(std::bit_ceil(std::max<std::size_t>(capacity, 2))) {}

  /// The producer's: where its next event is to be made. Null, and counted as dropped, if there is no room.
  [[nodiscard]] Event* next() noexcept {
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - seen_head_ >= capacity_) {
      seen_head_ = head_.load(std::memory_order_acquire);
      if (tail - seen_head_ >= capacity_) return drop();
    }
    if (!slots_) slots_.reset(new (std::nothrow) Slot[capacity_]);
    if (!slots_) return drop();
    return &slots_[tail & (capacity_ - 1)].event;
  }
  /// The producer's: the event that was made in `next()` is there. Tells once each time the ring has become half full.
  bool push() noexcept {
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed) + 1;
    tail_.store(tail, std::memory_order_release);
    return tail - seen_head_ == capacity_ / 2;
  }
  /// The producer's: where it makes what does not wait in the ring.
  [[nodiscard]] Event* spare() noexcept { return &spare_; }

  /// The consumer's: appends what is there.
  void drain(std::vector<Event>& out) {
    const std::uint64_t tail = tail_.load(std::memory_order_acquire);
    std::uint64_t head = head_.load(std::memory_order_relaxed);
    for (; head != tail; ++head) out.push_back(slots_[head & (capacity_ - 1)].event);
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
  static constexpr std::size_t line = 64;
  struct alignas(line) Slot {
    Event event;
  };

  Event* drop() noexcept {
    dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    return nullptr;
  }

  std::atomic<const void*> owner_;
  const std::uint32_t thread_;
  const std::size_t capacity_;
  std::unique_ptr<Slot[]> slots_;  ///< Allocated by the producer, with its first event.
  alignas(line) std::atomic<std::uint64_t> tail_{0};
  std::uint64_t seen_head_ = 0;  ///< The producer's copy of the head.
  std::atomic<std::uint64_t> dropped_{0};
  Event spare_;
  alignas(line) std::atomic<std::uint64_t> head_{0};
};

}  // namespace deriva::detail
