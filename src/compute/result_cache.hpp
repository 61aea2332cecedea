#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <deriva/core/address.hpp>
#include <deriva/core/blob.hpp>
#include <deriva/core/observer_hub.hpp>

#include "compute/address_index.hpp"
#include "compute/cache_shard.hpp"

namespace deriva::detail {

/// Values by address, within a budget of bytes: those that save most time per byte stay (see CachePolicy).
///
/// The budget covers all that the cache keeps in memory, as it was asked of the allocator: entries, index, history, its
/// own structures, and the memory that the values hold (`Blob::held_bytes`), which may be more than they show. It holds
/// at every moment: bytes are taken before there is anything to keep, and given back after it is freed. A cache whose
/// budget does not suffice for its own structures keeps nothing.
///
/// Thread safety: any thread. Readers on different processors have no cache line in common that they write to, a single
/// hot value included; readers and writers of different shards do not meet.
/// Complexity: constant; a value displaces as many as it needs bytes of.
class ResultCache {
 public:
  /// `processors`: how many read at the same time; 0: as many as the machine has.
  /// `hub`: is told what comes and goes, if there is one; it lives longer.
  ResultCache(std::size_t capacity_bytes, std::uint64_t hash_seed, std::size_t processors = 0,
              ObserverHub* hub = nullptr);
  ResultCache(const ResultCache&) = delete;
  ResultCache& operator=(const ResultCache&) = delete;
  ~ResultCache();

  [[nodiscard]] std::optional<Blob> get(const Address& address);

  /// Keeps a value if it fits and is worth it; an earlier one of its address goes in any case. `compute_time`: what
  /// having it again takes, beside reading it from a store.
  void put(const Address& address, Blob value, std::chrono::nanoseconds compute_time = {});

  /// Forgets a value, pinned or not. Returns whether there was one.
  bool erase(const Address& address);

  /// A pinned value does not go to make room, and still counts. Pins of a value are counted.
  /// Return whether there is such a value.
  bool pin(const Address& address);
  bool unpin(const Address& address);

  [[nodiscard]] std::size_t capacity() const noexcept { return budget_.limit(); }
  /// Bytes kept now: never above the capacity.
  [[nodiscard]] std::size_t bytes() const noexcept { return budget_.used(); }
  [[nodiscard]] bool empty() const noexcept { return bytes() <= own_bytes_; }
  [[nodiscard]] CacheStats stats() const;

 private:
  [[nodiscard]] CacheShard& shard_of(std::size_t hash) const noexcept;
  [[nodiscard]] bool make_room(std::size_t bytes, float worth);
  bool discard(CacheShard::Removed removed);
  bool evict(CacheShard::Removed removed);
  bool remove(CacheShard::Removed removed);
  void replicate(const Address& address, std::size_t hash);

  ByteBudget budget_;
  const AddressHash hash_;
  ObserverHub* const hub_;
  const std::size_t lanes_;
  std::size_t window_bytes_ = 0;              ///< Of one shard.
  std::size_t own_bytes_ = 0;                 ///< Of an empty cache.
  std::unique_ptr<std::uint8_t[]> counters_;  ///< Of all shards.
  std::vector<std::unique_ptr<CacheShard>> shards_;
  std::atomic<std::size_t> next_to_give_{0};
};

}  // namespace deriva::detail
