#pragma once

#include <cstdint>

namespace deriva {

/// How much of what is computed is computed more than once, to see whether all executions give the same bytes.
///
/// Only executions are verified: values that are stored already are not (`audit` does that). A recipe is chosen by a
/// keyed hash of its address and `ExecutorOptions::verify_seed`, so a run can be repeated, and different runs choose
/// differently. What was seen is in `Store::ledger`.
class Verify {
 public:
  /// Every function runs once.
  [[nodiscard]] static constexpr Verify off() noexcept { return Verify(0.0, 2); }
  /// Every function runs twice; at the same time, if it takes long and there is an idle slot.
  [[nodiscard]] static constexpr Verify always() noexcept { return Verify(1.0, 2); }
  /// This share of the recipes, from 0 to 1, runs twice. A request with any other rate is `Errc::invalid_argument`.
  [[nodiscard]] static constexpr Verify sampled(double rate) noexcept { return Verify(rate, 2); }
  /// Every function runs so many times, from 1 (which verifies nothing) to 65,536; any other is
  /// `Errc::invalid_argument`.
  [[nodiscard]] static constexpr Verify times(std::uint32_t executions) noexcept {
    return Verify(executions == 1 ? 0.0 : 1.0, executions);
  }

  [[nodiscard]] constexpr double rate() const noexcept { return rate_; }
  [[nodiscard]] constexpr std::uint32_t executions() const noexcept { return executions_; }
  /// Whether the rate is within [0, 1], which NaN is not, and the number of executions within its bounds.
  [[nodiscard]] constexpr bool valid() const noexcept {
    return rate_ >= 0.0 && rate_ <= 1.0 && executions_ >= 1 && executions_ <= 65'536;
  }

 private:
  constexpr Verify(double rate, std::uint32_t executions) noexcept : rate_(rate), executions_(executions) {}
  double rate_;
  std::uint32_t executions_;
};

}  // namespace deriva
