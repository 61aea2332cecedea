#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace deriva::detail {

/// Keeps what nobody wants any more until everything is over that was under way and may still ask for it. What begins
/// later is not waited for, so that what is kept goes however much there always is under way: two periods take turns,
/// as in read-copy-update (McKenney and Slingwine, "Read-Copy Update: Using Execution History to Solve Concurrency
/// Problems", 1998).
///
/// Complexity: constant, apart from what is handed out.
class GracePeriods {
 public:
  using Period = std::uint8_t;  ///< 0 or 1.

  /// Of what begins now.
  [[nodiscard]] Period current() const noexcept { return current_; }
  /// Whether anything is under way.
  [[nodiscard]] bool any() const noexcept { return under_way_[0] + under_way_[1] > 0; }
  void begin(Period period) noexcept { ++under_way_[period]; }
  /// Appends to `over` what need not be kept any longer.
  void end(Period period, std::vector<std::uint32_t>& over) {
    --under_way_[period];
    for (int turns = 0; turns < 2 && !(kept_[0].empty() && kept_[1].empty()) && under_way_[current_ ^ 1U] == 0;
         ++turns) {
      std::vector<std::uint32_t>& before = kept_[current_ ^ 1U];
      over.insert(over.end(), before.begin(), before.end());
      before.clear();
      current_ ^= 1U;
    }
  }
  /// Requires: something is under way.
  void keep(std::uint32_t element) { kept_[current_].push_back(element); }

 private:
  std::array<std::size_t, 2> under_way_{};
  std::array<std::vector<std::uint32_t>, 2> kept_;
  Period current_ = 0;
};

}  // namespace deriva::detail
