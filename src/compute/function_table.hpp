#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include <deriva/compute/detail/executor_base.hpp>
#include <deriva/compute/function.hpp>
#include <deriva/core/event.hpp>
#include <deriva/core/observer_hub.hpp>
#include <deriva/core/recipe.hpp>

namespace deriva::detail {

struct ResolvedFunction {
  FunctionId id;
  Function function;
  std::uint32_t number = 0;
  event::NameId name = event::NameId::none;  ///< In events.
  bool is_simple = false;                    ///< Plain, without a context, limits of time, or a thread of its own.
  bool planned = false;                      ///< Whether the plan knows of it: the engine's, under its mutex.
};

/// "name/version", as observers know it.
[[nodiscard]] inline event::NameId name_in_events(ObserverHub& hub, const FunctionId& function) {
  return hub.name_id(function.name + '/' + function.version);
}

/// The functions that were found in the registry, each asked for once and numbered. Unknown ones are asked for again,
/// so that a host may add them later. Thread safety: any thread.
class FunctionTable {
 public:
  /// `hub`: gets the names, if there is one.
  explicit FunctionTable(Resolver resolver, ObserverHub* hub = nullptr) : resolver_(std::move(resolver)), hub_(hub) {}

  /// Null if the registry has none. Lives as long as the table.
  [[nodiscard]] ResolvedFunction* find(const FunctionId& id) {
    const std::lock_guard lock(mutex_);
    if (const auto found = found_.find(id); found != found_.end()) return &found->second;
    Function function = resolver_(id);
    if (!function) return nullptr;
    const auto number = static_cast<std::uint32_t>(found_.size());
    const event::NameId name = hub_ == nullptr ? event::NameId::none : name_in_events(*hub_, id);
    const FunctionOptions& options = function.options();
    const bool is_simple =
        !function.is_coroutine() && !function.takes_context() && !options.blocking && options.timeout.count() == 0;
    return &found_.emplace(id, ResolvedFunction{id, std::move(function), number, name, is_simple}).first->second;
  }

 private:
  const Resolver resolver_;
  ObserverHub* const hub_;
  std::mutex mutex_;
  std::map<FunctionId, ResolvedFunction> found_;
};

}  // namespace deriva::detail
