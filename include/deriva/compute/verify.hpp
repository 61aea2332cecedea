#pragma once

namespace deriva {

/// How much of what is computed is computed twice, to see whether both runs give the same bytes.
///
/// Only executions are verified: values that are stored already are not. A recipe is chosen by a keyed hash of its
/// address and `ExecutorOptions::verify_seed`, so a run can be repeated, and different runs choose differently.
class Verify {
 public:
  /// Every function runs once.
  [[nodiscard]] static constexpr Verify off() noexcept { return Verify(0.0); }
  /// Every function runs twice.
  [[nodiscard]] static constexpr Verify always() noexcept { return Verify(1.0); }
  /// This share of the recipes, from 0 to 1, runs twice. A request with any other rate is `Errc::invalid_argument`.
  [[nodiscard]] static constexpr Verify sampled(double rate) noexcept { return Verify(rate); }

  [[nodiscard]] constexpr double rate() const noexcept { return rate_; }
  /// Whether the rate is within [0, 1]; false for NaN.
  [[nodiscard]] constexpr bool valid() const noexcept { return rate_ >= 0.0 && rate_ <= 1.0; }

 private:
  constexpr explicit Verify(double rate) noexcept : rate_(rate) {}
  double rate_;
};

}  // namespace deriva
