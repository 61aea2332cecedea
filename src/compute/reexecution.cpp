#include "compute/reexecution.hpp"

#include <optional>
#include <utility>

#include "compute/boundary.hpp"
#include "compute/scheduler.hpp"

namespace deriva::detail {

Result<Obstacle> read_computation(const Store& store, const Address& address, StoredComputation& computation) {
  const Result<std::optional<ResultRecord>> result = store.result(address);
  if (!result) return result.error();
  Result<std::optional<Recipe>> recipe = store.recipe(address);
  if (!recipe) return recipe.error();
  if (!*result || !*recipe) return Obstacle::no_result;
  computation.address = address;
  computation.recipe = std::move(**recipe);
  computation.result = **result;
  computation.inputs.clear();
  for (const Address& input : computation.recipe.inputs) {
    Result<std::optional<Blob>> value = store.value(input);
    if (!value) return value.error();
    if (!*value) return Obstacle::input_not_stored;
    computation.inputs.push_back(std::move(**value));
  }
  return Obstacle::none;
}

Result<Blob> execute(const Function& function, const StoredComputation& computation) {
  if (!function.is_coroutine()) return call_guarded(function, computation.inputs, computation.recipe.params);
  Result<Blob> result = Error(Errc::function_failed, "the coroutine ended without a result");
  const std::unique_ptr<Scheduler> scheduler = make_inline_scheduler();
  Scheduler::Call call{function, computation.inputs, computation.recipe.params, computation.address, std::stop_token()};
  scheduler->spawn(std::move(call), [&result](Result<Blob> returned) { result = std::move(returned); });
  while (scheduler->run_one()) {
  }
  return result;
}

}  // namespace deriva::detail
