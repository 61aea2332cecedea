#include "compute/result_cache.hpp"

#include <utility>

namespace deriva::detail {

std::optional<Blob> ResultCache::get(const Address& address) {
  const std::lock_guard lock(mutex_);
  const auto found = index_.find(address);
  if (found == index_.end()) return std::nullopt;
  if (found->second != newest_) {
    unlink(found->second);
    push_front(found->second);
  }
  return entries_[found->second].value;
}

void ResultCache::put(const Address& address, Blob value) {
  const std::lock_guard lock(mutex_);
  if (const auto found = index_.find(address); found != index_.end()) erase(found->second);
  if (value.size() > capacity_ || capacity_ - value.size() < entry_bytes) return;
  const std::size_t cost = value.size() + entry_bytes;
  while (capacity_ - bytes_ < cost) erase(oldest_);
  Slot slot = 0;
  if (unused_.empty()) {
    slot = static_cast<Slot>(entries_.size());
    entries_.emplace_back();
  } else {
    slot = unused_.back();
    unused_.pop_back();
  }
  entries_[slot].address = address;
  entries_[slot].value = std::move(value);
  index_.emplace(address, slot);
  push_front(slot);
  bytes_ += cost;
}

std::size_t ResultCache::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

std::size_t ResultCache::size() const {
  const std::lock_guard lock(mutex_);
  return index_.size();
}

void ResultCache::unlink(Slot slot) {
  Entry& entry = entries_[slot];
  (entry.newer == none ? newest_ : entries_[entry.newer].older) = entry.older;
  (entry.older == none ? oldest_ : entries_[entry.older].newer) = entry.newer;
  entry.newer = entry.older = none;
}

void ResultCache::push_front(Slot slot) {
  entries_[slot].older = newest_;
  (newest_ == none ? oldest_ : entries_[newest_].newer) = slot;
  newest_ = slot;
}

void ResultCache::erase(Slot slot) {
  unlink(slot);
  bytes_ -= entries_[slot].value.size() + entry_bytes;
  index_.erase(entries_[slot].address);
  entries_[slot].value = Blob();
  unused_.push_back(slot);
}

}  // namespace deriva::detail
