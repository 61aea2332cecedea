#pragma once

#include <vector>

#include <deriva/core/address.hpp>
#include <deriva/core/error.hpp>
#include <deriva/store/store.hpp>

namespace deriva {

/// Where the values below `root`, and its own, begin to be doubtful: the recipes that diverged (`Store::ledger`) while
/// none of what they were made from did, what their functions asked for included. Every comparison in the ledger is of
/// executions with the same inputs, so these are the causes, and whatever else diverged may be a consequence. In the
/// order of their addresses.
/// Complexity: a walk over the dependents of what diverged; constant if nothing did.
[[nodiscard]] Result<std::vector<Address>> first_divergent(const Store& store, const Address& root);

/// Everything that was computed, directly or not, from this address, and has a stored result: what is doubtful if this
/// value is; what asked for it while it ran (`Context::materialize`) included. Without the address itself; dependencies
/// first. Complexity: linear in what depends on it.
[[nodiscard]] Result<std::vector<Address>> taint(const Store& store, const Address& address);

}  // namespace deriva
