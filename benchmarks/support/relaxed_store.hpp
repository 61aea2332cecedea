#pragma once

#include <filesystem>
#include <span>

#include <deriva/core/address.hpp>
#include <deriva/core/recipe.hpp>
#include <deriva/store/store.hpp>

namespace bench {

/// An empty store, with relaxed durability, in the place of whatever is there. Throws `deriva::Exception`.
[[nodiscard]] deriva::Store open_relaxed(const std::filesystem::path& directory);

/// Puts recipes, inputs first, in transactions that are not too large; returns the address of the last one. Throws
/// `deriva::Exception`. Requires: there are some.
deriva::Address put_in_batches(deriva::Store& store, std::span<const deriva::Recipe> recipes);

}  // namespace bench
