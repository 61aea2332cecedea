#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <deriva/core/address.hpp>
#include <deriva/core/error.hpp>
#include <deriva/core/event.hpp>
#include <deriva/store/store.hpp>

namespace deriva {

/// One respect in which two graphs of recipes differ.
struct Change {
  enum class Kind : std::uint8_t {
    leaf,              ///< Other bytes (or something that the store does not know).
    function_version,  ///< The same function in another version.
    function,          ///< Another function.
    params,            ///< Other params; `what` names those that differ.
    input_added,
    input_removed,
    replaced,  ///< A leaf took the place of a recipe, or the other way round.
  };
  Kind kind = Kind::leaf;
  Address before;             ///< All zeros for what was added.
  Address after;              ///< All zeros for what was removed.
  std::string what;           ///< "resize/1 -> resize/2", "width, height", or empty.
  std::vector<Address> path;  ///< From the target down to where it changed, in the graph of today.
};
[[nodiscard]] std::string_view to_string(Change::Kind kind) noexcept;

/// The smallest set of changes that make `after` of `before`: what is below equal addresses is not looked at.
/// `limit`: changes found at most. Errors: the store's.
/// Complexity: the recipes that differ, whatever the size of the graphs. Not recursive.
[[nodiscard]] Result<std::vector<Change>> difference(const Store& store, const Address& before, const Address& after,
                                                     std::size_t limit = 1'000);

/// Why a recipe has to run, or did run.
struct Explanation {
  bool stored = false;  ///< Its value is there: it ran, and need not run again.
  event::Reason reason = event::Reason::never_computed;
  std::optional<Address> previous;  ///< The earlier result that it is compared with.
  std::vector<Change> changes;      ///< Since then.
};

/// Explains a recipe against the nearest earlier result: one of the same function that shares most of its inputs. It is
/// looked for among the dependents of the inputs, and where they changed, too, among those of what they were before.
/// Errors: `not_found` (no such recipe), the store's.
/// Complexity: the recipes that differ, and a bounded number of dependents for each.
[[nodiscard]] Result<Explanation> explain(const Store& store, const Address& recipe);

/// The addresses from one to another below it, both included: why the first depends on the second. Empty if it does
/// not. A shortest path. Errors: the store's. Complexity: linear in what is near both.
[[nodiscard]] Result<std::vector<Address>> why(const Store& store, const Address& target, const Address& below);

/// What `to_dot` draws at most.
struct DotLimits {
  std::size_t nodes = 200;
  std::size_t depth = 20;  ///< Below the target.
};

/// The graph below a target for Graphviz, coloured by what is stored of it. What is beyond the limits is drawn as dots.
/// Errors: the store's.
[[nodiscard]] Result<std::string> to_dot(const Store& store, const Address& target, DotLimits limits = {});

}  // namespace deriva
