#pragma once

#include <span>

#include <deriva/core/error.hpp>
#include <deriva/store/ledger.hpp>
#include <deriva/store/result_record.hpp>
#include <deriva/store/store.hpp>

namespace deriva::detail {

/// `Store::put_results`.
[[nodiscard]] Result<void> put_results(Store& store, std::span<const ComputedResult> results,
                                       std::span<const Comparison> comparisons);

}  // namespace deriva::detail
