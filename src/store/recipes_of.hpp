#pragma once

#include <deriva/core/address.hpp>
#include <deriva/core/error.hpp>
#include <deriva/core/recipe.hpp>
#include <deriva/storage/function_ref.hpp>
#include <deriva/store/store.hpp>

namespace deriva::detail {

/// Visits the recipes whose function `is_one` accepts, on one snapshot, dependencies first, until `visit` returns an
/// error, which it passes on. Complexity: linear in the recipes of the store. Errors: also the store's.
[[nodiscard]] Result<void> for_each_recipe_of(const Store& store, FunctionRef<bool(const FunctionId&)> is_one,
                                              FunctionRef<Result<void>(const Address&)> visit);

}  // namespace deriva::detail
