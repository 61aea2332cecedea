#include "compute/cache_policy.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace deriva::detail {
namespace {

/// The exponent of the worth that has queue 0; those below share it, and so do those above the last.
constexpr int lowest_exponent = -24;

std::uint8_t queue_of(float worth) noexcept {
  if (worth <= 0) return 0;
  int exponent = 0;
  std::frexp(worth, &exponent);
  return static_cast<std::uint8_t>(std::clamp(exponent - lowest_exponent, 0, 63));
}

double rounded_worth(std::uint8_t queue) noexcept { return std::ldexp(1.0, queue + lowest_exponent); }

std::uint8_t with_one_more(std::uint8_t uses) noexcept {
  return static_cast<std::uint8_t>(std::min<int>(uses + CacheEntry::one_use, CacheEntry::most_uses));
}

}  // namespace

float CachePolicy::worth(CacheEntry& entry) const noexcept {
  const std::uint32_t age = history_.generation() - entry.generation;
  if (age != 0) {
    entry.generation = history_.generation();
    const unsigned uses = entry.uses.load(std::memory_order_relaxed);
    entry.uses.store(static_cast<std::uint8_t>(uses >> std::min(age, 7U)), std::memory_order_relaxed);
  }
  return static_cast<float>(entry.uses.load(std::memory_order_relaxed)) * entry.cost / static_cast<float>(entry.charge);
}

float CachePolicy::worth_of_new(std::size_t hash, float cost, std::size_t charge) {
  const std::uint8_t uses = with_one_more(history_.uses(hash));
  history_.remember(hash, uses);
  history_.tick(entries_);
  return static_cast<float>(uses) * cost / static_cast<float>(charge);
}

void CachePolicy::add(CacheEntry& entry, bool room) {
  history_.tick(entries_);
  entry.uses = with_one_more(history_.uses(entry.hash));
  entry.generation = history_.generation();
  ++entries_;
  push(entry, window);
  while (room && window_bytes_ > window_limit_) move_to_main(*queues_[window].oldest);
}

void CachePolicy::add_again(CacheEntry& entry) {
  ++entries_;
  move_to_main(entry);
}

void CachePolicy::hold(CacheEntry& entry) {
  --entries_;
  unlink(entry);
}

void CachePolicy::remove(CacheEntry& entry) {
  history_.remember(entry.hash, entry.uses.load(std::memory_order_relaxed));
  if (entry.queue != CacheEntry::no_queue) hold(entry);
}

CacheEntry* CachePolicy::victim() {
  CacheEntry* const weak = weakest();
  CacheEntry* const newcomer = queues_[window].oldest;
  if (weak == nullptr) return newcomer;
  inflation_ = std::max(inflation_, weak->priority);
  if (window_bytes_ <= window_limit_) return weak;
  const bool displaces = worth(*newcomer) > worth(*weak);
  move_to_main(displaces ? *newcomer : *weak);
  return displaces ? weak : newcomer;
}

/// The entry of the main part with the least priority, after those were moved up that were used since they were queued.
CacheEntry* CachePolicy::weakest() {
  while (occupied_ != 0) {
    CacheEntry* least = nullptr;
    for (std::uint64_t left = occupied_; left != 0; left &= left - 1) {
      CacheEntry* const oldest = queues_[static_cast<std::size_t>(std::countr_zero(left))].oldest;
      if (least == nullptr || oldest->priority < least->priority) least = oldest;
    }
    if (queue_of(worth(*least)) <= least->queue) return least;
    inflation_ = std::max(inflation_, least->priority);
    move_to_main(*least);
  }
  return nullptr;
}

void CachePolicy::move_to_main(CacheEntry& entry) {
  if (entry.queue != CacheEntry::no_queue) unlink(entry);
  const std::uint8_t queue = queue_of(worth(entry));
  entry.priority = inflation_ + rounded_worth(queue);
  push(entry, queue);
}

void CachePolicy::push(CacheEntry& entry, std::uint8_t queue) {
  Queue& into = queues_[queue];
  entry.queue = queue;
  entry.older = into.newest;
  entry.newer = nullptr;
  (into.newest == nullptr ? into.oldest : into.newest->newer) = &entry;
  into.newest = &entry;
  if (queue == window) {
    window_bytes_ += entry.charge;
  } else {
    occupied_ |= std::uint64_t{1} << queue;
  }
}

void CachePolicy::unlink(CacheEntry& entry) {
  Queue& from = queues_[entry.queue];
  (entry.older == nullptr ? from.oldest : entry.older->newer) = entry.newer;
  (entry.newer == nullptr ? from.newest : entry.newer->older) = entry.older;
  if (entry.queue == window) {
    window_bytes_ -= entry.charge;
  } else if (from.oldest == nullptr) {
    occupied_ &= ~(std::uint64_t{1} << entry.queue);
  }
  entry.queue = CacheEntry::no_queue;
}

}  // namespace deriva::detail
