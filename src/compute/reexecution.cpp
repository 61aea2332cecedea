#include "compute/reexecution.hpp"

#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include <deriva/compute/context.hpp>

#include "compute/boundary.hpp"
#include "compute/function_host.hpp"
#include "compute/scheduler.hpp"

namespace deriva::detail {
namespace {

/// Gives functions what they ask for as far as it is stored.
class StoredValues final : public FunctionHost {
 public:
  explicit StoredValues(const Store& store) noexcept : store_(store) {}
  RequestId next_request() noexcept override { return 0; }  // No request is ever under way.
  void cancel(RequestId) override {}
  void start(RequestId, const Address& address, Completion<Blob>::Ptr completion) override {
    Result<std::optional<Blob>> value = store_.value(address);
    if (value && *value) return finish<Blob>(std::move(completion), **std::move(value));
    const Error error = value ? Error(Errc::not_found, "what the function asked for is not stored") : value.error();
    {
      const std::lock_guard lock(mutex_);
      if (obstacle_) obstacle_ = value ? Result<Obstacle>(Obstacle::input_not_stored) : error;
    }
    finish<Blob>(std::move(completion), error.with_address(address));
  }
  /// What was in the way of all that was asked for.
  Result<Obstacle> obstacle() const {
    const std::lock_guard lock(mutex_);
    return obstacle_;
  }

 private:
  const Store& store_;
  mutable std::mutex mutex_;  // A function may ask from several threads.
  Result<Obstacle> obstacle_ = Obstacle::none;
};

}  // namespace

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

Result<Obstacle> execute(const Store& store, const Function& function, const StoredComputation& computation,
                         Result<Blob>& value) {
  if (!function.is_coroutine()) {
    Context context(boost::asio::any_io_executor(), computation.address, std::stop_token());
    value = call_guarded(function, computation.inputs, computation.recipe.params, &context);
    return Obstacle::none;
  }
  value = Error(Errc::function_failed, "the coroutine ended without a result");
  const auto host = std::make_shared<StoredValues>(store);
  const std::unique_ptr<Scheduler> scheduler = make_inline_scheduler();
  Scheduler::Call call{function, computation.inputs, computation.recipe.params, computation.address, std::stop_token()};
  call.host = host;
  scheduler->spawn(std::move(call), [&value](Result<Blob> returned) { value = std::move(returned); });
  while (scheduler->run_one()) {
  }
  return host->obstacle();
}

}  // namespace deriva::detail
