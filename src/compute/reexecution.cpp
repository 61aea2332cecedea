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

/// A call of a coroutine function that gets what it asks for as far as it is stored.
class StoredCall final : public Scheduler::Call, public FunctionHost {
 public:
  StoredCall(const Store& store, const Function& function, const StoredComputation& computation) noexcept
      : store_(store), function_(function), computation_(computation) {}

  Result<Function::Started> begin(const boost::asio::any_io_executor& io) override {
    state_.io = &io;
    state_.address = &computation_.address;
    state_.host = this;
    return function_.start(computation_.inputs, computation_.recipe.params, context_);
  }
  void end(Result<Blob> result) override { result_ = std::move(result); }
  const Result<Blob>& result() const { return result_; }

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
  const Function& function_;
  const StoredComputation& computation_;
  ContextState state_;
  Context context_{state_};
  Result<Blob> result_ = Error(Errc::function_failed, "the coroutine ended without a result");
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
  const auto call = std::make_shared<StoredCall>(store, function, computation);
  const std::unique_ptr<Scheduler> scheduler = make_inline_scheduler();
  scheduler->spawn(call);
  while (scheduler->run_one()) {
  }
  value = call->result();
  return call->obstacle();
}

}  // namespace deriva::detail
