#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include <deriva/core/address.hpp>
#include <deriva/core/blob.hpp>

#include "compute/cache_entry.hpp"
#include "compute/cache_policy.hpp"
#include "compute/reader_lanes.hpp"

namespace deriva::detail {

/// Bytes that all shards of a cache share.
///
/// Thread safety: any thread.
class ByteBudget {
 public:
  explicit ByteBudget(std::size_t limit) noexcept : limit_(limit) {}

  /// Takes bytes if they are there.
  [[nodiscard]] bool take(std::size_t bytes) noexcept {
    std::size_t used = used_.load(std::memory_order_relaxed);
    do {
      if (limit_ - used < bytes) return false;
    } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
    return true;
  }
  void give_back(std::size_t bytes) noexcept { used_.fetch_sub(bytes, std::memory_order_relaxed); }

  [[nodiscard]] std::size_t limit() const noexcept { return limit_; }
  [[nodiscard]] std::size_t used() const noexcept { return used_.load(std::memory_order_relaxed); }

 private:
  const std::size_t limit_;
  std::atomic<std::size_t> used_{0};
};

/// What a cache has done since it was made, and what it has now.
struct CacheStats {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t inserts = 0;
  std::uint64_t evictions = 0;
  std::uint64_t rejected = 0;  ///< Values that were not taken: too large, or worth less than what would have gone.
  std::size_t entries = 0;
  std::size_t bytes = 0;
};

/// The values of some hashes: an index with chains, guarded by lanes of readers, and a policy.
/// Entries that leave are handed to the caller, who frees them outside the lock and gives their bytes back.
///
/// Thread safety: any thread.
class CacheShard {
 public:
  using Removed = std::unique_ptr<CacheEntry>;

  /// The counters: see `UseHistory`; they outlive this.
  CacheShard(ByteBudget& budget, std::size_t window_bytes, std::span<std::uint8_t> counters, std::size_t lanes);
  CacheShard(const CacheShard&) = delete;
  CacheShard& operator=(const CacheShard&) = delete;
  ~CacheShard();

  struct Found {
    std::optional<Blob> value;
    bool contended = false;  ///< Several lanes read it in turn: time for replicas.
  };
  [[nodiscard]] Found get(const Address& address, std::size_t hash, std::size_t lane);

  /// Takes an entry whose charge was taken from the budget; returns the one that it replaces, or itself if the bytes
  /// are the same ones.
  [[nodiscard]] Removed insert(std::unique_ptr<CacheEntry> entry, bool room);
  [[nodiscard]] Removed remove(const Address& address, std::size_t hash);
  /// Removes what has to go first, if it is worth less than `worth`.
  [[nodiscard]] Removed evict(float worth);
  /// As CachePolicy::worth_of_new.
  [[nodiscard]] float worth_of_new(std::size_t hash, float cost, std::size_t charge);
  void count_rejected();

  /// Gives every lane a replica of the value; `charge` is what they cost. Returns whether they were made.
  bool replicate(const Address& address, std::size_t hash, std::size_t charge);

  /// Pins are counted. Return whether there is such a value.
  bool pin(const Address& address, std::size_t hash);
  bool unpin(const Address& address, std::size_t hash);

  /// Visits the entries; nobody else may be at them.
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (std::size_t i = 0; i < bucket_count_; ++i) {
      for (const CacheEntry* entry = buckets_[i]; entry != nullptr; entry = entry->next_in_bucket) visit(*entry);
    }
  }

  /// Adds to the sums.
  void add_to(CacheStats& sums);
  /// Charged for what an empty shard has, itself included.
  [[nodiscard]] std::size_t memory() const noexcept;

 private:
  [[nodiscard]] CacheEntry*& link_to(const Address& address, std::size_t hash) noexcept;
  [[nodiscard]] CacheEntry* find(const Address& address, std::size_t hash) noexcept { return link_to(address, hash); }
  [[nodiscard]] Removed take_out(CacheEntry*& link);
  void grow();

  ByteBudget& budget_;
  ReaderLanes lanes_;
  CachePolicy policy_;
  std::unique_ptr<CacheEntry*[]> buckets_;
  std::size_t bucket_count_;  ///< A power of two.
  std::size_t entries_ = 0;
  std::uint64_t inserts_ = 0;
  std::uint64_t evictions_ = 0;
  std::uint64_t rejected_ = 0;
};

}  // namespace deriva::detail
