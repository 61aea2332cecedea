#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <unordered_map>
#include <utility>

#include <deriva/core/address.hpp>

#include "cache/trace.hpp"

namespace bench {

/// Charged for each value by all contenders, beside its bytes: what deriva's cache needs.
inline constexpr std::size_t entry_bytes = 128 + 16;

/// The one that was used longest ago goes first.
class LruCache {
 public:
  explicit LruCache(std::size_t capacity) : capacity_(capacity) {}

  bool get(const Trace::Item& item) {
    const auto found = index_.find(item.address);
    if (found == index_.end()) return false;
    order_.splice(order_.begin(), order_, found->second);
    return true;
  }
  void put(const Trace::Item& item) {
    const std::size_t charge = item.size + entry_bytes;
    if (charge > capacity_) return;
    for (; capacity_ - bytes_ < charge; order_.pop_back()) {
      bytes_ -= order_.back()->size + entry_bytes;
      index_.erase(order_.back()->address);
    }
    order_.push_front(&item);
    index_[item.address] = order_.begin();
    bytes_ += charge;
  }

 private:
  std::size_t capacity_;
  std::size_t bytes_ = 0;
  std::list<const Trace::Item*> order_;
  std::unordered_map<deriva::Address, std::list<const Trace::Item*>::iterator> index_;
};

/// The one with the lowest score goes first: milliseconds of work, at least 1, times hits + 1, over bytes.
class ScoreCache {
 public:
  explicit ScoreCache(std::size_t capacity) : capacity_(capacity) {}

  bool get(const Trace::Item& item) {
    const auto found = index_.find(item.address);
    if (found == index_.end()) return false;
    const std::uint64_t hits = found->second->second.hits + 1;
    order_.erase(found->second);
    found->second = order_.emplace(score(item, hits), Entry{&item, hits});
    return true;
  }
  void put(const Trace::Item& item) {
    const std::size_t charge = item.size + entry_bytes;
    if (charge > capacity_) return;
    for (; capacity_ - bytes_ < charge; order_.erase(order_.begin())) {
      bytes_ -= order_.begin()->second.item->size + entry_bytes;
      index_.erase(order_.begin()->second.item->address);
    }
    index_[item.address] = order_.emplace(score(item, 0), Entry{&item, 0});
    bytes_ += charge;
  }

 private:
  struct Entry {
    const Trace::Item* item;
    std::uint64_t hits;
  };
  static double score(const Trace::Item& item, std::uint64_t hits) {
    const double milliseconds = static_cast<double>(item.compute_ns) / 1e6;
    return (milliseconds < 1 ? 1 : milliseconds) * static_cast<double>(hits + 1) /
           static_cast<double>(item.size == 0 ? 1 : item.size);
  }

  std::size_t capacity_;
  std::size_t bytes_ = 0;
  std::multimap<double, Entry> order_;
  std::unordered_map<deriva::Address, std::multimap<double, Entry>::iterator> index_;
};

}  // namespace bench
