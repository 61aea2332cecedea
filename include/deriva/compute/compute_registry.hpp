#pragma once

#include <concepts>

#include <deriva/compute/function.hpp>
#include <deriva/core/recipe.hpp>

namespace deriva {

/// What an executor needs of a registry: `find` gives the function of a name and version, or an empty `Function`. It is
/// called from several threads at once and must not throw.
template <class Registry>
concept ComputeRegistry = requires(const Registry& registry, const FunctionId& function) {
  { registry.find(function) } -> std::convertible_to<Function>;
};

}  // namespace deriva
