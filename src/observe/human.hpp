#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace deriva::detail {

/// "0 B", "999 B", "1.5 kB", "12 MB": three digits at most.
[[nodiscard]] std::string human_bytes(std::uint64_t bytes);
/// "250 ns", "1.5 ms", "12 s", "3 min 20 s".
[[nodiscard]] std::string human_duration(std::chrono::nanoseconds duration);
/// "0:07", "1:23", "2:03:04": whole seconds, rounded up.
[[nodiscard]] std::string human_clock(std::chrono::nanoseconds duration);

}  // namespace deriva::detail
