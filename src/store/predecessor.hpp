#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "store/store_reader.hpp"

namespace deriva::detail {

/// How far a search for a predecessor goes.
struct PredecessorLimits {
  std::size_t inputs = ~std::size_t{0};  ///< Of a recipe, whose dependents are looked at;
  std::size_t dependents = 64;           ///< of each, so many: a hub has millions.
  std::size_t depth = 1'000;             ///< Recipes on the way down to an input that did not change.
};

/// What a recipe was before something changed: the most similar recipe of the same function, in any version, that has
/// an earlier result. It is looked for among the dependents of the inputs; if they are all new, among those of what the
/// first of them was.
///
/// Nothing: there is none within the limits. Errors: `corrupted`.
/// Complexity: linear in the dependents that are looked at. Not recursive.
[[nodiscard]] Result<std::optional<StoreReader::Id>> find_predecessor(StoreReader& reader, StoreReader::Id target,
                                                                      const PredecessorLimits& limits = {});

/// In what a recipe differs from its predecessor.
struct Difference {
  bool version = false;
  bool params = false;
  std::optional<std::size_t> input;  ///< The first that is another one, or that one of them has not.
};
[[nodiscard]] Result<Difference> difference(StoreReader& reader, StoreReader::Id before, StoreReader::Id after);

}  // namespace deriva::detail
