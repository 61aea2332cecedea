#include "observe/human.hpp"

#include <array>
#include <string_view>

#include <fmt/format.h>

namespace deriva::detail {
namespace {

/// The number in the largest of the units that leaves it at least 1, each a thousand times the one before.
template <std::size_t Count>
std::string in_thousands(double value, const std::array<std::string_view, Count>& units) {
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < Count) {
    value /= 1'000;
    ++unit;
  }
  return unit == 0 || value >= 9.95 ? fmt::format("{:.0f} {}", value, units[unit])
                                    : fmt::format("{:.1f} {}", value, units[unit]);
}

}  // namespace

std::string human_bytes(std::uint64_t bytes) {
  static constexpr std::array<std::string_view, 6> units = {"B", "kB", "MB", "GB", "TB", "PB"};
  return in_thousands(static_cast<double>(bytes), units);
}

std::string human_duration(std::chrono::nanoseconds duration) {
  static constexpr std::array<std::string_view, 4> units = {"ns", "\u00b5s", "ms", "s"};
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
  if (whole >= 120) return fmt::format("{} min {} s", whole / 60, whole % 60);
  if (whole >= 10) return fmt::format("{} s", whole);
  return in_thousands(static_cast<double>(duration.count()), units);
}

std::string human_clock(std::chrono::nanoseconds duration) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(duration).count();
  if (seconds >= 3'600) return fmt::format("{}:{:02}:{:02}", seconds / 3'600, seconds / 60 % 60, seconds % 60);
  return fmt::format("{}:{:02}", seconds / 60, seconds % 60);
}

}  // namespace deriva::detail
