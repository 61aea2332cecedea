#pragma once

#include <chrono>
#include <cstdint>

#include <deriva/core/event.hpp>

namespace deriva::detail {

/// The time of day for times of the steady clock, by what both said when this was made.
class WallClock {
 public:
  [[nodiscard]] std::chrono::system_clock::time_point operator()(event::Time time) const {
    return wall_ + std::chrono::duration_cast<std::chrono::system_clock::duration>(time - steady_);
  }
  /// Since 1970, in nanoseconds.
  [[nodiscard]] std::int64_t unix_nanoseconds(event::Time time) const {
    return std::chrono::duration_cast<std::chrono::nanoseconds>((*this)(time).time_since_epoch()).count();
  }

 private:
  std::chrono::system_clock::time_point wall_ = std::chrono::system_clock::now();
  event::Time steady_ = event::Clock::now();
};

}  // namespace deriva::detail
