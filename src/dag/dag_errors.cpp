#include <deriva/dag/dag_errors.hpp>

#include <fmt/format.h>

#include "core/hex.hpp"

namespace deriva::detail {

Error conflict_error(BytesView key) {
  return {Errc::invalid_argument,
          fmt::format("{} is in the graph with other inputs; a content address names one list of inputs for ever",
                      to_hex(key))};
}

Error dependents_error(BytesView key, std::uint64_t dependents) {
  return {Errc::invalid_argument, fmt::format("{} cannot be removed: {} {} on it", to_hex(key), dependents,
                                              dependents == 1 ? "key depends" : "keys depend")};
}

Error cycle_error(BytesView key, std::size_t steps) {
  return {Errc::cycle,
          fmt::format("{} would depend on itself, over {} {}", to_hex(key), steps, steps == 1 ? "step" : "steps")};
}

Error edge_error(BytesView input, BytesView dependent) {
  return {Errc::corrupted,
          fmt::format("{} is an input of {}, which is not among its dependents", to_hex(input), to_hex(dependent))};
}

Error edge_count_error(std::uint64_t forward, std::uint64_t reverse) {
  return {Errc::corrupted, fmt::format("the graph has {} edges from inputs, but {} to dependents", forward, reverse)};
}

}  // namespace deriva::detail
