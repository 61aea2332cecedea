#pragma once

#include <vector>

#include <deriva/core/address.hpp>
#include <deriva/core/error.hpp>
#include <deriva/dag/persistent_dag.hpp>
#include <deriva/store/store.hpp>

namespace deriva::detail {

/// Everything that depends on an address, directly or not, over the inputs of recipes and over what functions asked for
/// while they ran. Without the address itself; dependencies first, unless what was asked for leads round in a circle.
/// Complexity: linear in the dependents and their edges. Errors: the store's.
[[nodiscard]] Result<std::vector<Address>> all_dependents(const Store& store, const PersistentDag<>::Snapshot& graph,
                                                          const Address& address);

}  // namespace deriva::detail
