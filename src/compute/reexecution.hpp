#pragma once

#include <cstdint>
#include <vector>

#include <deriva/compute/detail/executor_base.hpp>
#include <deriva/compute/function.hpp>
#include <deriva/core/address.hpp>
#include <deriva/core/blob.hpp>
#include <deriva/core/error.hpp>
#include <deriva/core/recipe.hpp>
#include <deriva/store/result_record.hpp>
#include <deriva/store/store.hpp>

namespace deriva::detail {

/// A stored result with all that it takes to compute it again.
struct StoredComputation {
  Address address;
  Recipe recipe;
  ResultRecord result;
  std::vector<Blob> inputs;
};

/// Why a result cannot be computed again as it was.
enum class Obstacle : std::uint8_t { none, no_result, input_not_stored };

/// Reads a recipe that has a result, and the values of its inputs. Errors: the store's.
[[nodiscard]] Result<Obstacle> read_computation(const Store& store, const Address& address,
                                                StoredComputation& computation);

/// Runs a function of either kind on this thread, to its end; a coroutine function on a context of its own. `value` is
/// what it returned; nothing that it throws comes out. What it asks for is taken from the store; `input_not_stored`: it
/// is not there, and `value` means nothing. Errors: the store's.
[[nodiscard]] Result<Obstacle> execute(const Store& store, const Function& function,
                                       const StoredComputation& computation, Result<Blob>& value);

}  // namespace deriva::detail
