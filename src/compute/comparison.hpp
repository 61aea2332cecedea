#pragma once

#include <cstdint>

#include <deriva/core/address.hpp>
#include <deriva/core/blob.hpp>
#include <deriva/core/error.hpp>
#include <deriva/core/event.hpp>
#include <deriva/core/observer_hub.hpp>
#include <deriva/core/recipe.hpp>
#include <deriva/store/ledger.hpp>
#include <deriva/store/result_record.hpp>
#include <deriva/store/store.hpp>

namespace deriva::detail {

[[nodiscard]] Execution execution_of(const Result<Blob>& result);

/// Compares two executions of a recipe with the same inputs; `first` is that of `first_result`. What differs keeps its
/// values.
[[nodiscard]] Comparison compare(const Address& address, const Execution& first, const Result<Blob>& first_result,
                                 const Result<Blob>& other, std::uint64_t seed);
/// Compares the stored result of the recipe with another execution. The stored value is read only if they differ.
/// Errors: the store's.
[[nodiscard]] Result<Comparison> compare_with_stored(const Store& store, const Address& address,
                                                     const ResultRecord& stored, const Result<Blob>& other,
                                                     std::uint64_t seed);

/// The `Errc::not_deterministic` that a comparison of two different executions is.
[[nodiscard]] Error violation(const Comparison& comparison, const FunctionId& function);

[[nodiscard]] event::Verdict verdict_of(const Comparison& comparison) noexcept;
/// Tells of a comparison that no flight led to.
void tell_verified(ObserverHub& hub, const Comparison& comparison, const FunctionId& function);

}  // namespace deriva::detail
