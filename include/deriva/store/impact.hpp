#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>

#include <deriva/core/address.hpp>
#include <deriva/core/error.hpp>
#include <deriva/store/store.hpp>

namespace deriva {

/// What a change would compute again, from what was recorded when it was computed.
struct Impact {
  std::uint64_t recipes = 0;                 ///< All that depend on what changes.
  std::uint64_t computed = 0;                ///< Of these: with a stored result.
  std::uint64_t bytes = 0;                   ///< Of those results.
  std::chrono::nanoseconds compute_time{0};  ///< Of those results, altogether.
};

/// What would be computed again if these leaves or recipes had other values: everything that depends on one of them,
/// each counted once, and the recipes among them. An upper bound: a value that comes out the same ends its branch.
/// Complexity: linear in what depends on them.
[[nodiscard]] Result<Impact> impact_of(const Store& store, std::span<const Address> changed);

/// The same for all recipes of a function, in one version or (an empty version) all of them.
/// Complexity: linear in the recipes of the store.
[[nodiscard]] Result<Impact> impact_of_function(const Store& store, std::string_view name,
                                                std::string_view version = {});

}  // namespace deriva
