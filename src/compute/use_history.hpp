#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace deriva::detail {

/// How often values were used that the cache does not have any more: a sketch of small counters, each of which is the
/// upper bound of those that share it. Counters are halved one by one, so that there is no pause; a generation is over
/// when each of them was.
///
/// Thread safety: none. Complexity: constant.
class UseHistory {
 public:
  /// In memory of the caller's, of any content: a page of it is touched when a counter there is needed, so that making
  /// a cache is quick, however large it may become. Requires: a power of two.
  explicit UseHistory(std::span<std::uint8_t> counters)
      : counters_(counters), zeroed_((counters.size() + page - 1) / page) {}

  [[nodiscard]] std::uint8_t uses(std::size_t hash) const noexcept {
    return std::min(value(first(hash)), value(second(hash)));
  }
  void remember(std::size_t hash, std::uint8_t uses) noexcept {
    for (const std::size_t at : {first(hash), second(hash)}) {
      zero_page_of(at);
      counters_[at] = std::max(counters_[at], uses);
    }
  }

  /// Counts one insertion into a cache of so many entries: a generation lasts for eight times as many. Complexity:
  /// linear in the counters whose turn it is to be halved, and in pages of others: while there are few entries, many.
  void tick(std::size_t entries) noexcept {
    const std::size_t each = 8 * entries + 8;
    due_ += counters_.size();
    std::size_t left = due_ / each;
    due_ %= each;
    while (left > 0) {
      const std::size_t count = std::min({left, page - hand_ % page, counters_.size() - hand_});
      if (zeroed_[hand_ / page]) {
        for (std::uint8_t& counter : counters_.subspan(hand_, count)) counter /= 2;
      }
      left -= count;
      hand_ += count;
      if (hand_ == counters_.size()) {
        hand_ = 0;
        ++generation_;
      }
    }
  }
  [[nodiscard]] std::uint32_t generation() const noexcept { return generation_; }
  /// Besides the counters.
  [[nodiscard]] std::size_t memory() const noexcept { return zeroed_.capacity() / 8; }

 private:
  static constexpr std::size_t page = 4'096;

  [[nodiscard]] std::uint8_t value(std::size_t at) const noexcept {
    return zeroed_[at / page] ? counters_[at] : std::uint8_t{0};
  }
  void zero_page_of(std::size_t at) noexcept {
    if (zeroed_[at / page]) return;
    const std::size_t begin = at / page * page;
    std::fill_n(counters_.begin() + static_cast<std::ptrdiff_t>(begin), std::min(page, counters_.size() - begin),
                std::uint8_t{0});
    zeroed_[at / page] = true;
  }
  [[nodiscard]] std::size_t first(std::size_t hash) const noexcept { return (hash >> 24U) & (counters_.size() - 1); }
  [[nodiscard]] std::size_t second(std::size_t hash) const noexcept {
    return ((hash * 0x9e3779b97f4a7c15ULL) >> 32U) & (counters_.size() - 1);
  }

  std::span<std::uint8_t> counters_;
  std::vector<bool> zeroed_;  ///< By page.
  std::size_t hand_ = 0;
  std::size_t due_ = 0;
  std::uint32_t generation_ = 0;
};

}  // namespace deriva::detail
