#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

#include <deriva/compute/detail/executor_base.hpp>
#include <deriva/compute/function.hpp>
#include <deriva/core/recipe.hpp>

namespace deriva::detail {

struct ResolvedFunction {
  FunctionId id;
  Function function;
  std::uint32_t number = 0;
  bool planned = false;  ///< Whether the plan knows of it: the engine's, under its mutex.
};

/// The functions that were found in the registry, each asked for once and numbered. Unknown ones are asked for again,
/// so that a host may add them later. Thread safety: any thread.
class FunctionTable {
 public:
  explicit FunctionTable(Resolver resolver) : resolver_(std::move(resolver)) {}

  /// Null if the registry has none. Lives as long as the table.
  [[nodiscard]] ResolvedFunction* find(const FunctionId& id) {
    const std::lock_guard lock(mutex_);
    if (const auto found = found_.find(id); found != found_.end()) return &found->second;
    Function function = resolver_(id);
    if (!function) return nullptr;
    const auto number = static_cast<std::uint32_t>(found_.size());
    return &found_.emplace(id, ResolvedFunction{id, std::move(function), number}).first->second;
  }

 private:
  const Resolver resolver_;
  std::mutex mutex_;
  std::map<FunctionId, ResolvedFunction> found_;
};

}  // namespace deriva::detail
