#pragma once

#include <cstddef>
#include <cstdint>

namespace deriva::detail {

/// Work that other threads leave alone as long as it gets on. Thread safety: none.
class LoneWork {
 public:
  using Ticket = std::uint64_t;

  [[nodiscard]] Ticket begin() noexcept {
    ++under_way_;
    ++begun_;
    return period_;
  }
  void end(Ticket ticket) noexcept {
    if (ticket == period_) --under_way_;
  }
  [[nodiscard]] bool any() const noexcept { return under_way_ > 0; }
  /// To be called now and then. What has been under way since the last call, with nothing begun after it, is not left
  /// alone any longer: it may wait for what others would do.
  void look() noexcept {
    if (begun_ == seen_) {
      ++period_;
      under_way_ = 0;
    }
    seen_ = begun_;
  }

 private:
  std::size_t under_way_ = 0;  ///< Of this period.
  std::uint64_t begun_ = 0;
  std::uint64_t seen_ = 0;
  Ticket period_ = 0;
};

}  // namespace deriva::detail
