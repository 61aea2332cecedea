#pragma once

#include <cstdint>
#include <span>

#include <deriva/core/address.hpp>
#include <deriva/core/error.hpp>
#include <deriva/store/detail/cutoff_key.hpp>
#include <deriva/store/ledger.hpp>
#include <deriva/store/result_record.hpp>
#include <deriva/store/store.hpp>

namespace deriva::detail {

/// A recipe that was not computed, because the index of computations has its value.
struct ReusedResult {
  Address address;
  CutoffKey cutoff;
  std::uint32_t node = no_node;  ///< Where the recipe probably is in the graph.
};

/// As `Store::put_results`; also records results that were reused, without a copy of a value that is stored by digest.
/// One of which the value is gone by now is left out. Results that are put together may be reused by each other.
[[nodiscard]] Result<void> put_results(Store& store, std::span<const ComputedResult> computed,
                                       std::span<const ReusedResult> reused,
                                       std::span<const Comparison> comparisons = {});

}  // namespace deriva::detail
