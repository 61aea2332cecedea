#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <deriva/core/recipe.hpp>

namespace bench {

/// Distinct recipes as hosts make them: 2.2 inputs on average, 4 of 5 recent recipes and the rest leaves or older ones,
/// and one param. The same ones in every run. `first` distinguishes sets that must not overlap.
[[nodiscard]] std::vector<deriva::Recipe> make_recipes(std::size_t count, std::int64_t first = 0);

}  // namespace bench
