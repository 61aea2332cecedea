#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <deriva/core/event.hpp>
#include <deriva/core/observer_hub.hpp>

namespace deriva::detail {

/// What an event says, under names: for sinks that write everything. Durations are in seconds.
struct Field {
  std::string_view key;
  std::variant<std::uint64_t, double, std::string> value;
};
[[nodiscard]] std::vector<Field> fields_of(const Event& event, const ObserverHub& hub);

[[nodiscard]] inline double seconds(event::Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace deriva::detail
