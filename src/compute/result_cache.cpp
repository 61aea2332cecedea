#include "compute/result_cache.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <new>
#include <thread>
#include <utility>

#if defined(__linux__)
#include <sched.h>
#else
#include <functional>
#endif

namespace deriva::detail {
namespace {

constexpr std::size_t most_lanes = 16;
constexpr std::size_t most_shards = 16;
constexpr std::size_t least_shard_bytes = std::size_t{1} << 20U;
constexpr std::size_t window_share = 16;
constexpr std::size_t bytes_per_counter = 64;
constexpr std::size_t least_counters = 1'024;
/// Having any value again takes at least this: a read from the store.
constexpr float read_ns = 1'000;
/// A replica's own bytes: its block, and the blob in the list of the entry.
constexpr std::size_t replica_bytes = 64 + sizeof(Blob);

std::size_t current_processor() noexcept {
#if defined(__linux__)
  const int processor = ::sched_getcpu();
  return processor < 0 ? 0 : static_cast<std::size_t>(processor);
#else
  return std::hash<std::thread::id>{}(std::this_thread::get_id());
#endif
}

std::size_t lanes_for(std::size_t processors) {
  if (processors == 0) processors = std::max(1U, std::thread::hardware_concurrency());
  return std::min(std::bit_ceil(processors), most_lanes);
}

}  // namespace

ResultCache::ResultCache(std::size_t capacity_bytes, std::uint64_t hash_seed, std::size_t processors, ObserverHub* hub)
    : budget_(capacity_bytes), hash_(hash_seed), hub_(hub), lanes_(lanes_for(processors)) {
  const std::size_t count = std::bit_floor(std::clamp(capacity_bytes / least_shard_bytes, std::size_t{1}, most_shards));
  const std::size_t share = capacity_bytes / count;
  const std::size_t counters = std::bit_ceil(std::max(share / bytes_per_counter, least_counters));
  window_bytes_ = share / window_share;
  if (!budget_.take(count * counters)) return;
  counters_ = std::make_unique_for_overwrite<std::uint8_t[]>(count * counters);
  shards_.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    auto shard = std::make_unique<CacheShard>(budget_, window_bytes_,
                                              std::span(counters_.get() + i * counters, counters), lanes_);
    if (!budget_.take(sizeof(shard) + shard->memory())) break;
    shards_.push_back(std::move(shard));
  }
  if (shards_.empty()) {
    counters_.reset();
    budget_.give_back(count * counters);
  }
  own_bytes_ = budget_.used();
}

ResultCache::~ResultCache() {
  if (hub_ == nullptr || !hub_->observed()) return;
  event::CacheRemoved all{0, 0};
  for (const auto& shard : shards_) {
    shard->for_each([&](const CacheEntry& entry) {
      ++all.entries;
      all.bytes += entry.bytes();
    });
  }
  if (all.entries > 0) hub_->emit(all);
}

std::optional<Blob> ResultCache::get(const Address& address) {
  if (shards_.empty()) return std::nullopt;
  const std::size_t hash = hash_(address);
  CacheShard::Found found = shard_of(hash).get(address, hash, current_processor() & (lanes_ - 1));
  if (found.contended) replicate(address, hash);
  return std::move(found.value);
}

void ResultCache::put(const Address& address, Blob value, std::chrono::nanoseconds compute_time) {
  if (shards_.empty()) return;
  const std::size_t hash = hash_(address);
  CacheShard& shard = shard_of(hash);
  const std::size_t charge = sizeof(CacheEntry) + value.held_bytes();
  const float cost = read_ns + static_cast<float>(compute_time.count());
  const bool room = budget_.take(charge);
  if (!room) {
    remove(shard.remove(address, hash));
    // What is larger than the window has to prove itself before others go for it.
    const float worth =
        charge <= window_bytes_ ? std::numeric_limits<float>::infinity() : shard.worth_of_new(hash, cost, charge);
    if (!make_room(charge, worth)) return shard.count_rejected();
  }
  std::unique_ptr<CacheEntry> entry(new (std::nothrow) CacheEntry(address, hash, std::move(value), cost, charge));
  if (entry == nullptr) return budget_.give_back(charge);
  const CacheEntry* const added = entry.get();
  const std::size_t bytes = entry->bytes();
  CacheShard::Removed replaced = shard.insert(std::move(entry), room);
  if (hub_ != nullptr && replaced.get() != added) {
    hub_->emit([&] {
      return event::CacheInserted{address, bytes, replaced ? replaced->bytes() : 0, replaced != nullptr};
    });
  }
  discard(std::move(replaced));
}

bool ResultCache::erase(const Address& address) {
  if (shards_.empty()) return false;
  const std::size_t hash = hash_(address);
  return remove(shard_of(hash).remove(address, hash));
}

bool ResultCache::pin(const Address& address) {
  const std::size_t hash = hash_(address);
  return !shards_.empty() && shard_of(hash).pin(address, hash);
}

bool ResultCache::unpin(const Address& address) {
  const std::size_t hash = hash_(address);
  return !shards_.empty() && shard_of(hash).unpin(address, hash);
}

CacheStats ResultCache::stats() const {
  CacheStats sums;
  for (const auto& shard : shards_) shard->add_to(sums);
  sums.bytes = bytes();
  return sums;
}

CacheShard& ResultCache::shard_of(std::size_t hash) const noexcept {
  return *shards_[(hash >> 48U) & (shards_.size() - 1)];
}

/// Takes bytes from the budget. While they are not there, the shards give what is worth less than `worth`, in turn: as
/// the addresses are spread evenly, what goes is close to the least of all.
bool ResultCache::make_room(std::size_t bytes, float worth) {
  if (bytes > budget_.limit() - own_bytes_) return false;
  std::size_t refusals = 0;
  while (!budget_.take(bytes)) {
    const std::size_t turn = next_to_give_.fetch_add(1, std::memory_order_relaxed);
    refusals = evict(shards_[turn & (shards_.size() - 1)]->evict(worth)) ? 0 : refusals + 1;
    if (refusals == shards_.size()) return false;
  }
  return true;
}

/// Frees an entry, and then gives its bytes back. Returns whether there was one.
bool ResultCache::discard(CacheShard::Removed removed) {
  if (removed == nullptr) return false;
  const std::size_t bytes = removed->charge;
  removed.reset();
  budget_.give_back(bytes);
  return true;
}

/// It makes room for others.
bool ResultCache::evict(CacheShard::Removed removed) {
  if (hub_ != nullptr && removed != nullptr) {
    hub_->emit([&] { return event::CacheEvicted{removed->address, removed->bytes()}; });
  }
  return discard(std::move(removed));
}

/// It goes for another reason.
bool ResultCache::remove(CacheShard::Removed removed) {
  if (hub_ != nullptr && removed != nullptr) hub_->emit(event::CacheRemoved{1, removed->bytes()});
  return discard(std::move(removed));
}

void ResultCache::replicate(const Address& address, std::size_t hash) {
  const std::size_t charge = lanes_ * replica_bytes;
  if (!make_room(charge, std::numeric_limits<float>::infinity())) return;
  bool made = false;
  try {
    made = shard_of(hash).replicate(address, hash, charge);
  } catch (const std::bad_alloc&) {  // Then readers go on sharing it.
  }
  if (!made) budget_.give_back(charge);
}

}  // namespace deriva::detail
