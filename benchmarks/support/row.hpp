#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace bench {

enum class Better : std::uint8_t { lower, higher };

/// What a figure is measured in; see docs/benchmarks.md.
enum class Unit : std::uint8_t {
  nanoseconds,
  per_second,
  bytes,
  factor,  ///< A ratio or an overhead, as a plain factor.
};

/// One figure: the median of what was measured, beside the goal and what a peer needed for the same.
struct Row {
  std::string id;  ///< Stable: figures of different times are compared by it.
  double value = 0;
  Unit unit = Unit::nanoseconds;
  std::optional<double> goal = std::nullopt;
  Better better = Better::lower;
  std::string peer = {};                            ///< Empty: there is none.
  std::optional<double> peer_value = std::nullopt;  ///< In the unit of the row: 1 for a ratio to that peer.
  std::uint64_t n = 0;                              ///< Size of the workload: recipes, nodes, files.
};

/// Whether the row misses its goal.
[[nodiscard]] bool falls_short(const Row& row) noexcept;

/// "1m", "100k": part of an id.
[[nodiscard]] std::string short_count(std::size_t count);

/// "1.24 us", "372 K/s", "67 B", "1.26".
[[nodiscard]] std::string to_text(double value, Unit unit);

/// The row as one line of JSON, without a line feed.
[[nodiscard]] std::string to_json(const Row& row);

}  // namespace bench
