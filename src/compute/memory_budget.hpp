#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <deriva/core/blob.hpp>

namespace deriva::detail {

/// What the values of a plan take, of nodes and of jobs, and what they may.
struct MemoryBudget {
  std::uint64_t limit = 0;  ///< In bytes. 0: none, and nothing is counted.
  std::uint64_t used = 0;
  std::size_t running = 0;               ///< Jobs that count.
  bool is_full = false;                  ///< The next ready node has to wait.
  bool is_forced = false;                ///< The next one runs all the same, or never will.
  std::vector<std::uint32_t> written{};  ///< Nodes whose values may be forgotten; some of them are gone by now.

  [[nodiscard]] bool is_limited() const noexcept { return limit != 0; }
  /// Whether values that may be needed again are better forgotten.
  [[nodiscard]] bool is_short() const noexcept { return used > limit / 2; }
  /// With what a value takes beside its bytes, about.
  [[nodiscard]] static std::uint64_t bytes_of(std::uint64_t value_bytes) noexcept { return value_bytes + 64; }
};

}  // namespace deriva::detail
