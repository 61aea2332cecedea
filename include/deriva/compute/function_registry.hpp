#pragma once

#include <map>
#include <utility>

#include <deriva/compute/compute_registry.hpp>
#include <deriva/compute/function.hpp>
#include <deriva/core/recipe.hpp>

namespace deriva {

/// The functions of a host, by name and version, added at run time.
///
/// Thread safety: `find` from any thread; nothing else may run at the same time as `add`. Add everything before the
/// first executor starts.
/// Lifetime: outlives the executors that use it.
class FunctionRegistry {
 public:
  /// Adds a plain function. Errors: throws `Exception` with `Errc::invalid_argument` if one of that name and version is
  /// there already, or the name is empty; nothing is changed then.
  template <PlainFunction Callable>
  void add(FunctionId id, Callable callable, FunctionOptions options = {}) {
    add(std::move(id), Function::plain(std::move(callable)).with(std::move(options)));
  }

  /// Adds a coroutine function. Errors: as `add`.
  template <CoroutineFunction Callable>
  void add_async(FunctionId id, Callable callable, FunctionOptions options = {}) {
    add(std::move(id), Function::coroutine(std::move(callable)).with(std::move(options)));
  }

  /// Adds a function of either kind. Errors: as above.
  void add(FunctionId id, Function function);

  /// The function, or an empty one. Complexity: logarithmic.
  [[nodiscard]] Function find(const FunctionId& id) const noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return functions_.size(); }

 private:
  std::map<FunctionId, Function> functions_;
};

}  // namespace deriva
