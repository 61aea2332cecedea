#include "storage/reader_pool.hpp"

#include <new>

namespace deriva::detail {

std::size_t thread_number() noexcept {
  static constinit std::atomic<std::size_t> next{0};
  thread_local const std::size_t number = next.fetch_add(1, std::memory_order_relaxed);
  return number;
}

ReaderPool::~ReaderPool() {
  for (std::size_t i = 0; i < count_; i += chunk_size) delete chunks_[i / chunk_size].load();
}

// Null when memory is short.
ReaderPool::Place* ReaderPool::make(std::size_t number) noexcept {
  std::unique_ptr<Chunk> fresh(new (std::nothrow) Chunk{});
  Chunk* expected = nullptr;
  if (fresh && chunks_[number / chunk_size].compare_exchange_strong(expected, fresh.get(), std::memory_order_seq_cst)) {
    (void)fresh.release();
  }
  return existing(number);
}

bool ReaderPool::try_take(Place& place) noexcept {
  std::uint32_t expected = free;
  return place.state.compare_exchange_strong(expected, busy, std::memory_order_seq_cst, std::memory_order_relaxed);
}

ReaderPool::Place* ReaderPool::acquire() noexcept {
  const std::size_t start = thread_number();
  for (;;) {
    Place* taken = nullptr;
    for (std::size_t i = 0; i < count_ && taken == nullptr; ++i) {
      const std::size_t number = (start + i) % count_;
      Place* place = existing(number);
      if (place == nullptr) place = make(number);
      if (place != nullptr && try_take(*place)) taken = place;
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
      Place* place = existing(i);
      if (place == nullptr || !try_take(*place)) continue;
      closed = closed_.load(std::memory_order_seq_cst);
      if (!closed && place->transaction != nullptr) return place;
      release(*place);
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
    Place* place = existing(i);
    if (place == nullptr) continue;
    std::atomic<std::uint32_t>& state = place->state;
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
