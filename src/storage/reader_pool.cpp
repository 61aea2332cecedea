#include "storage/reader_pool.hpp"

namespace deriva::detail {
namespace {

/// Numbers the threads as they first read, so that each starts looking at a place of its own.
std::size_t thread_number() noexcept {
  static constinit std::atomic<std::size_t> next{0};
  thread_local const std::size_t number = next.fetch_add(1, std::memory_order_relaxed);
  return number;
}

}  // namespace

bool ReaderPool::try_take(Place& place) noexcept {
  std::uint32_t expected = free;
  return place.state.compare_exchange_strong(expected, busy, std::memory_order_seq_cst, std::memory_order_relaxed);
}

ReaderPool::Place* ReaderPool::acquire() noexcept {
  const std::size_t start = thread_number();
  for (;;) {
    Place* taken = nullptr;
    for (std::size_t i = 0; i < count_ && taken == nullptr; ++i) {
      Place& place = places_[(start + i) % count_];
      if (try_take(place)) taken = &place;
    }
    if (taken == nullptr) return nullptr;
    if (!closed_.load(std::memory_order_seq_cst)) return taken;
    release(*taken);
    closed_.wait(true);
  }
}

ReaderPool::Place* ReaderPool::acquire_used() noexcept {
  for (;;) {
    bool closed = false;
    for (std::size_t i = 0; i < count_ && !closed; ++i) {
      Place& place = places_[i];
      if (!try_take(place)) continue;
      closed = closed_.load(std::memory_order_seq_cst);
      if (!closed && place.transaction != nullptr) return &place;
      release(place);
    }
    if (!closed) return nullptr;
    closed_.wait(true);
  }
}

void ReaderPool::release(Place& place) noexcept {
  if (place.state.exchange(free, std::memory_order_acq_rel) == awaited) place.state.notify_all();
}

void ReaderPool::close() noexcept {
  closed_.store(true, std::memory_order_seq_cst);
  for (std::size_t i = 0; i < count_; ++i) {
    std::atomic<std::uint32_t>& state = places_[i].state;
    while (state.load(std::memory_order_seq_cst) != free) {
      std::uint32_t expected = busy;
      state.compare_exchange_strong(expected, awaited, std::memory_order_seq_cst);
      if (expected != free) state.wait(awaited);
    }
  }
}

void ReaderPool::open() noexcept {
  closed_.store(false, std::memory_order_seq_cst);
  closed_.notify_all();
}

}  // namespace deriva::detail
