#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace deriva::detail {

/// How often values were used that the cache does not have any more: a sketch of small counters, each of which is the
/// upper bound of those that share it. Counters are halved one by one, so that there is no pause; a generation is over
/// when each of them was.
///
/// Thread safety: none. Complexity: constant.
class UseHistory {
 public:
  /// Requires: a power of two.
  explicit UseHistory(std::size_t counters) : counters_(counters) {}

  [[nodiscard]] std::uint8_t uses(std::size_t hash) const noexcept {
    return std::min(counters_[first(hash)], counters_[second(hash)]);
  }
  void remember(std::size_t hash, std::uint8_t uses) noexcept {
    for (std::uint8_t* counter : {&counters_[first(hash)], &counters_[second(hash)]})
      *counter = std::max(*counter, uses);
  }

  /// Counts one insertion into a cache of so many entries: a generation lasts for eight times as many.
  void tick(std::size_t entries) noexcept {
    for (due_ += counters_.size(); due_ >= 8 * entries + 8; due_ -= 8 * entries + 8) {
      counters_[hand_] /= 2;
      if (++hand_ == counters_.size()) {
        hand_ = 0;
        ++generation_;
      }
    }
  }
  [[nodiscard]] std::uint32_t generation() const noexcept { return generation_; }
  [[nodiscard]] std::size_t memory() const noexcept { return counters_.capacity(); }

 private:
  [[nodiscard]] std::size_t first(std::size_t hash) const noexcept { return (hash >> 24U) & (counters_.size() - 1); }
  [[nodiscard]] std::size_t second(std::size_t hash) const noexcept {
    return ((hash * 0x9e3779b97f4a7c15ULL) >> 32U) & (counters_.size() - 1);
  }

  std::vector<std::uint8_t> counters_;
  std::size_t hand_ = 0;
  std::size_t due_ = 0;
  std::uint32_t generation_ = 0;
};

}  // namespace deriva::detail
