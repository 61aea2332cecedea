#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace deriva::detail {

/// How often values were used that the cache does not have any more: a sketch of small counters, each of which is the
/// upper bound of those that share it. Counters are halved one by one, so that there is no pause; a generation is over
/// when each of them was.
///
/// Thread safety: none. Complexity: constant.
class UseHistory {
 public:
  /// Requires: a power of two. Counters are zeroed a page at a time, when one of them is needed: making a cache is
  /// quick, however large it may become.
  explicit UseHistory(std::size_t counters)
      : counters_(std::make_unique_for_overwrite<std::uint8_t[]>(counters)),
        count_(counters),
        zeroed_((counters + page - 1) / page) {}

  [[nodiscard]] std::uint8_t uses(std::size_t hash) const noexcept {
    return std::min(value(first(hash)), value(second(hash)));
  }
  void remember(std::size_t hash, std::uint8_t uses) noexcept {
    for (const std::size_t at : {first(hash), second(hash)}) {
      zero_page_of(at);
      counters_[at] = std::max(counters_[at], uses);
    }
  }

  /// Counts one insertion into a cache of so many entries: a generation lasts for eight times as many.
  void tick(std::size_t entries) noexcept {
    for (due_ += count_; due_ >= 8 * entries + 8; due_ -= 8 * entries + 8) {
      if (zeroed_[hand_ / page]) counters_[hand_] /= 2;
      if (++hand_ == count_) {
        hand_ = 0;
        ++generation_;
      }
    }
  }
  [[nodiscard]] std::uint32_t generation() const noexcept { return generation_; }
  [[nodiscard]] std::size_t memory() const noexcept { return count_ + zeroed_.capacity() / 8; }

 private:
  static constexpr std::size_t page = 4'096;

  [[nodiscard]] std::uint8_t value(std::size_t at) const noexcept {
    return zeroed_[at / page] ? counters_[at] : std::uint8_t{0};
  }
  void zero_page_of(std::size_t at) noexcept {
    if (zeroed_[at / page]) return;
    const std::size_t begin = at / page * page;
    std::fill_n(counters_.get() + begin, std::min(page, count_ - begin), std::uint8_t{0});
    zeroed_[at / page] = true;
  }
  [[nodiscard]] std::size_t first(std::size_t hash) const noexcept { return (hash >> 24U) & (count_ - 1); }
  [[nodiscard]] std::size_t second(std::size_t hash) const noexcept {
    return ((hash * 0x9e3779b97f4a7c15ULL) >> 32U) & (count_ - 1);
  }

  std::unique_ptr<std::uint8_t[]> counters_;
  std::size_t count_;
  std::vector<bool> zeroed_;  ///< By page.
  std::size_t hand_ = 0;
  std::size_t due_ = 0;
  std::uint32_t generation_ = 0;
};

}  // namespace deriva::detail
