#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <deriva/compute/compute_registry.hpp>
#include <deriva/compute/detail/executor_base.hpp>
#include <deriva/core/address.hpp>
#include <deriva/core/error.hpp>
#include <deriva/core/recipe.hpp>
#include <deriva/store/store.hpp>

namespace deriva {

/// A new version of a function that is said to compute what an old one did.
struct Upgrade {
  std::string function;
  std::string from;
  std::string to;
};

struct UpgradeOptions {
  /// Results of the old version that are computed under the new one, chosen evenly. 0: all of them.
  std::size_t sample = 100;
  /// Key of the choice. Nothing: another choice each time.
  std::optional<std::uint64_t> seed;
  /// If the whole sample is equal: give the recipes of the new version the stored values of the old one, but for those
  /// that are known to have diverged.
  bool alias = true;
  /// Differences that the report lists, at most.
  std::size_t listed_differences = 1'000;
};

/// A recipe whose value is another one under the new version.
struct UpgradeDifference {
  Address from;  ///< The recipe with the old version.
  Address to;    ///< The same with the new one.
  Error error;   ///< `not_deterministic` with digests and sizes, or why the new version failed.
};

struct UpgradeReport {
  std::uint64_t results = 0;    ///< Stored, of the old version.
  std::uint64_t checked = 0;    ///< Of these: computed under the new one. The values of their inputs were stored, too.
  std::uint64_t different = 0;  ///< Of those.
  std::uint64_t aliased = 0;    ///< Recipes of the new version that have a result now, without running.
  std::vector<UpgradeDifference> differences;
};

namespace detail {
Result<UpgradeReport> verify_upgrade(Store& store, const Resolver& resolver, const Upgrade& upgrade,
                                     const UpgradeOptions& options);
}

/// Computes a sample of the results of an old version of a function under a new one. If they are equal, the recipes of
/// the new version are put with the stored values, and need not run; what depends on them then finds equal inputs. If
/// any differs, nothing is stored, and the report says which. What functions ask for is taken from the store. Runs on
/// the calling thread.
///
/// Memory: 32 bytes for each result of the old version. Complexity: linear in the recipes of the store.
/// Errors: `function_not_found` (the new version), `invalid_argument` (the versions are the same), `not_deterministic`
/// (a recipe of the new version has another stored value already), and the store's.
template <ComputeRegistry Registry>
[[nodiscard]] Result<UpgradeReport> verify_upgrade(Store& store, const Registry& registry, const Upgrade& upgrade,
                                                   const UpgradeOptions& options = {}) {
  return detail::verify_upgrade(
      store, [&registry](const FunctionId& id) -> Function { return registry.find(id); }, upgrade, options);
}

}  // namespace deriva
