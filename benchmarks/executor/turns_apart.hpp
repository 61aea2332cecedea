#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "support/suite.hpp"

namespace bench {

/// Turns of one contender in a process of its own: what others leave behind in an allocator (100,000 free frames of
/// coroutines) takes the next one that allocates some milliseconds to tidy up.
struct TurnsApart {
  std::string contender;  ///< "deriva" (of no threads: SyncExecutor), "oneTBB flow graph" or "co_spawn per node".
  std::string shape;
  std::size_t nodes = 0;
  std::uint64_t work_rounds = 0;
  std::size_t threads = 1;
  std::size_t turns = 1;        ///< Of which the median counts, after one that does not.
  std::filesystem::path store;  ///< Of this graph, for "deriva".
};

/// Time of a turn, in ns.
[[nodiscard]] double take_turns_apart(const TurnsApart& wanted);
[[nodiscard]] bool has_contender(const std::string& name);

/// The other side: to be among the children of the suite.
[[nodiscard]] Children turn_children();

}  // namespace bench
