#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "storage/journal_contents.hpp"

struct MDB_txn;

namespace deriva::detail {

/// Numbers the threads of the process in the order in which they ask first, so that each starts looking at a place of
/// its own. Thread safety: any thread.
[[nodiscard]] std::size_t thread_number() noexcept;

/// The places in which read transactions live between uses, and the gate that empties them.
///
/// A reader takes a place of its own, marks it busy, and then looks whether the gate is closed; whoever closes the gate
/// marks it closed and then looks at all places. Both orders are sequentially consistent, so that one of the two always
/// sees the other; readers share no cache line that anyone writes.
/// Thread safety: `acquire` and `release` from any thread; `close` and `open` by one thread at a time.
class ReaderPool {
 public:
  struct alignas(64) Place {
    std::atomic<std::uint32_t> state{free};
    /// Idle (reset) or live transaction; null until the first use. Belongs to whoever made the place busy.
    MDB_txn* transaction = nullptr;
    /// The journal, as the transaction sees it; and the transaction in which its name was read last.
    std::unique_ptr<JournalContents> journal;
    std::uint64_t named_in = 0;
  };

  explicit ReaderPool(std::size_t places)
      : chunks_(std::make_unique<std::atomic<Chunk*>[]>((places + chunk_size - 1) / chunk_size)), count_(places) {}
  ReaderPool(const ReaderPool&) = delete;
  ReaderPool& operator=(const ReaderPool&) = delete;
  ~ReaderPool();

  /// A free place, the one that this thread used last if possible. Waits while the gate is closed.
  /// Returns null if all places are busy.
  [[nodiscard]] Place* acquire() noexcept;
  /// A free place that already has a transaction, or null.
  [[nodiscard]] Place* acquire_used() noexcept;
  static void release(Place& place) noexcept;

  /// Lets no new reader in and waits until all have left.
  void close() noexcept;
  void open() noexcept;
  /// All places that were ever in use; only with the gate closed.
  template <class Visitor>
  void for_each(Visitor&& visitor) {
    for (std::size_t i = 0; i < count_; ++i) {
      if (Place* place = existing(i)) visitor(*place);
    }
  }

 private:
  static constexpr std::uint32_t free = 0;
  static constexpr std::uint32_t busy = 1;
  static constexpr std::uint32_t awaited = 2;  // busy, and `close` sleeps until it is free

  static constexpr std::size_t chunk_size = 16;
  using Chunk = std::array<Place, chunk_size>;

  bool try_take(Place& place) noexcept;
  // Null as long as none of its chunk was used. Whoever closed the gate and sees null need not wait for it: its first
  // user will see the gate.
  Place* existing(std::size_t number) const noexcept {
    Chunk* chunk = chunks_[number / chunk_size].load(std::memory_order_seq_cst);
    return chunk == nullptr ? nullptr : &(*chunk)[number % chunk_size];
  }
  Place* make(std::size_t number) noexcept;

  std::unique_ptr<std::atomic<Chunk*>[]> chunks_;
  std::size_t count_;
  alignas(64) std::atomic<bool> closed_{false};
};

}  // namespace deriva::detail
