#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "compute/ready_queue.hpp"

namespace deriva::detail {

struct ResolvedFunction;

/// What a plan knows of a function.
struct PlanFunction {
  const ResolvedFunction* function = nullptr;
  float average = 0;                                     ///< What it takes, in nanoseconds; 0: unknown.
  float along = std::numeric_limits<float>::infinity();  ///< The same, of one that may be taken along.
  float value_bytes = 0;  ///< What is expected, if memory is limited: the largest lately.
  std::array<std::uint32_t, 2> limits{};
  bool is_limited = false;
  bool goes_along = false;
};

/// So many nodes may run at the same time; the others wait.
struct PlanLimit {
  std::size_t places = 0;
  std::size_t taken = 0;
  NodeQueue waiting;
};

}  // namespace deriva::detail
