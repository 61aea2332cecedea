#pragma once

#include <cstddef>
#include <vector>

#include <deriva/core/address.hpp>
#include <deriva/core/error.hpp>
#include <deriva/store/ledger.hpp>
#include <deriva/store/store.hpp>

#include "compute/engine_events.hpp"
#include "compute/plan_batch.hpp"

namespace deriva::detail {

/// Results that are not in the store yet, and their nodes.
struct Unwritten {
  std::vector<ComputedResult> results;
  std::vector<NodeId> nodes;  ///< Of these.
  std::vector<Comparison> comparisons;
  std::vector<EngineEvents::Unstored> flights;  ///< Of the results, if observers are told.
  std::size_t bytes = 0;

  [[nodiscard]] bool empty() const noexcept { return results.empty() && comparisons.empty(); }
};

/// A result that contradicts the stored one.
struct RefusedResult {
  Address address;
  Error error;
};

}  // namespace deriva::detail
