#include "compute/cache_shard.hpp"

#include <new>
#include <utility>

namespace deriva::detail {
namespace {

constexpr std::size_t first_buckets = 16;
/// Turns that lanes take at reading a value before it is worth a replica for each.
constexpr std::uint8_t contended_after = 64;

/// What has reached its most is not written to any more.
std::uint8_t count_up(std::atomic<std::uint8_t>& counter, std::uint8_t step, std::uint8_t most) noexcept {
  const std::uint8_t now = counter.load(std::memory_order_relaxed);
  if (now == most) return now;
  const auto next = static_cast<std::uint8_t>(most - now < step ? most : now + step);
  counter.store(next, std::memory_order_relaxed);
  return next;
}

CacheShard::Found use(CacheEntry& entry, std::size_t lane) {
  count_up(entry.uses, CacheEntry::one_use, CacheEntry::most_uses);
  if (entry.replicas) return {entry.replicas[lane]};
  if (entry.last_lane.load(std::memory_order_relaxed) == lane) return {entry.value};
  entry.last_lane.store(static_cast<std::uint8_t>(lane), std::memory_order_relaxed);
  return {entry.value, count_up(entry.lane_switches, 1, contended_after) == contended_after};
}

}  // namespace

CacheShard::CacheShard(ByteBudget& budget, std::size_t window_bytes, std::span<std::uint8_t> counters,
                       std::size_t lanes)
    : budget_(budget),
      lanes_(lanes),
      policy_(window_bytes, counters),
      buckets_(std::make_unique<CacheEntry*[]>(first_buckets)),
      bucket_count_(first_buckets) {}

CacheShard::~CacheShard() {
  for (std::size_t i = 0; i < bucket_count_; ++i) {
    while (CacheEntry* const entry = buckets_[i]) {
      buckets_[i] = entry->next_in_bucket;
      delete entry;
    }
  }
}

CacheShard::Found CacheShard::get(const Address& address, std::size_t hash, std::size_t lane) {
  ReaderLanes::Reading reading(lanes_, lane);
  CacheEntry* const entry = find(address, hash);
  reading.count(entry != nullptr);
  return entry == nullptr ? Found{} : use(*entry, lane);
}

CacheShard::Removed CacheShard::insert(std::unique_ptr<CacheEntry> entry, bool room) {
  const ReaderLanes::Writing writing(lanes_);
  CacheEntry*& link = link_to(entry->address, entry->hash);
  Removed replaced;
  if (link != nullptr) {
    if (link->value.view().data() == entry->value.view().data() && link->value.size() == entry->value.size()) {
      link->cost = entry->cost;
      return entry;
    }
    entry->pins = link->pins;
    replaced = take_out(link);
  }
  ++inserts_;
  ++entries_;
  CacheEntry& added = *entry.release();
  added.next_in_bucket = std::exchange(link, &added);
  policy_.add(added, room);
  if (added.pins > 0) policy_.hold(added);
  if (2 * entries_ > bucket_count_) grow();
  return replaced;
}

CacheShard::Removed CacheShard::remove(const Address& address, std::size_t hash) {
  const ReaderLanes::Writing writing(lanes_);
  CacheEntry*& link = link_to(address, hash);
  return link == nullptr ? nullptr : take_out(link);
}

CacheShard::Removed CacheShard::evict(float worth) {
  const ReaderLanes::Writing writing(lanes_);
  CacheEntry* const victim = policy_.victim();
  if (victim == nullptr || policy_.worth(*victim) >= worth) return nullptr;
  ++evictions_;
  return take_out(link_to(victim->address, victim->hash));
}

float CacheShard::worth_of_new(std::size_t hash, float cost, std::size_t charge) {
  const ReaderLanes::Writing writing(lanes_);
  return policy_.worth_of_new(hash, cost, charge);
}

void CacheShard::count_rejected() {
  const ReaderLanes::Writing writing(lanes_);
  ++rejected_;
}

bool CacheShard::replicate(const Address& address, std::size_t hash, std::size_t charge) {
  const ReaderLanes::Writing writing(lanes_);
  CacheEntry* const entry = find(address, hash);
  if (entry == nullptr || entry->replicas) return false;
  auto replicas = std::make_unique<Blob[]>(lanes_.count());
  for (std::size_t i = 0; i < lanes_.count(); ++i) replicas[i] = entry->value.replica();
  const bool queued = entry->queue != CacheEntry::no_queue;
  if (queued) policy_.hold(*entry);
  entry->replicas = std::move(replicas);
  entry->charge += charge;
  if (queued) policy_.add_again(*entry);
  return true;
}

bool CacheShard::pin(const Address& address, std::size_t hash) {
  const ReaderLanes::Writing writing(lanes_);
  CacheEntry* const entry = find(address, hash);
  if (entry != nullptr && entry->pins++ == 0) policy_.hold(*entry);
  return entry != nullptr;
}

bool CacheShard::unpin(const Address& address, std::size_t hash) {
  const ReaderLanes::Writing writing(lanes_);
  CacheEntry* const entry = find(address, hash);
  if (entry == nullptr || entry->pins == 0) return false;
  if (--entry->pins == 0) policy_.add_again(*entry);
  return true;
}

void CacheShard::add_to(CacheStats& sums) {
  const ReaderLanes::Writing writing(lanes_);
  for (std::size_t i = 0; i < lanes_.count(); ++i) {
    sums.hits += lanes_.lane(i).hits.load(std::memory_order_relaxed);
    sums.misses += lanes_.lane(i).misses.load(std::memory_order_relaxed);
  }
  sums.inserts += inserts_;
  sums.evictions += evictions_;
  sums.rejected += rejected_;
  sums.entries += entries_;
}

std::size_t CacheShard::memory() const noexcept {
  return sizeof(*this) + lanes_.memory() + policy_.memory() + bucket_count_ * sizeof(CacheEntry*);
}

/// The link that points to the entry; if there is none, the null at the end of its chain.
CacheEntry*& CacheShard::link_to(const Address& address, std::size_t hash) noexcept {
  CacheEntry** link = &buckets_[hash & (bucket_count_ - 1)];
  while (*link != nullptr && !((*link)->hash == hash && (*link)->address == address)) link = &(*link)->next_in_bucket;
  return *link;
}

CacheShard::Removed CacheShard::take_out(CacheEntry*& link) {
  Removed entry(std::exchange(link, link->next_in_bucket));
  policy_.remove(*entry);
  --entries_;
  return entry;
}

/// Doubles the index, if the budget has the bytes: longer chains are better than fewer values.
void CacheShard::grow() {
  const std::size_t before = bucket_count_ * sizeof(CacheEntry*);
  if (!budget_.take(2 * before)) return;
  const std::size_t count = 2 * bucket_count_;
  std::unique_ptr<CacheEntry*[]> buckets(new (std::nothrow) CacheEntry*[count]());
  if (buckets == nullptr) return budget_.give_back(2 * before);
  for (std::size_t i = 0; i < bucket_count_; ++i) {
    while (CacheEntry* const entry = buckets_[i]) {
      buckets_[i] = entry->next_in_bucket;
      entry->next_in_bucket = std::exchange(buckets[entry->hash & (count - 1)], entry);
    }
  }
  buckets_ = std::move(buckets);
  bucket_count_ = count;
  budget_.give_back(before);
}

}  // namespace deriva::detail
