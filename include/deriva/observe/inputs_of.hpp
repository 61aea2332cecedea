#pragma once

#include <functional>
#include <vector>

#include <deriva/core/address.hpp>
#include <deriva/store/store.hpp>

namespace deriva {

/// Tells the inputs of a recipe: what observers draw dependencies from. Called on the hub's delivery thread.
using InputsOf = std::function<std::vector<Address>(const Address&)>;

/// What a store knows; nothing for what it cannot read. Lifetime: the store outlives the function.
[[nodiscard]] InputsOf inputs_from(const Store& store);

}  // namespace deriva
