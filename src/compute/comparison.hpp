#pragma once

#include <cstdint>

#include <deriva/core/address.hpp>
#include <deriva/core/blob.hpp>
#include <deriva/core/error.hpp>
#include <deriva/core/recipe.hpp>
#include <deriva/store/ledger.hpp>
#include <deriva/store/result_record.hpp>

namespace deriva::detail {

[[nodiscard]] Execution execution_of(const Result<Blob>& result);
[[nodiscard]] Execution execution_of(const ResultRecord& stored);

/// Compares two executions of a recipe with the same inputs. What differs keeps its values.
[[nodiscard]] Comparison compare(const Address& address, const Result<Blob>& first, const Result<Blob>& other,
                                 std::uint64_t seed);
/// Compares the stored result with another execution. `stored_value`: its bytes, if they were read; else empty.
[[nodiscard]] Comparison compare(const Address& address, const ResultRecord& stored, const Blob& stored_value,
                                 const Result<Blob>& other, std::uint64_t seed);

/// The `Errc::not_deterministic` that a comparison of two different executions is.
[[nodiscard]] Error violation(const Comparison& comparison, const FunctionId& function);

}  // namespace deriva::detail
