#include <deriva/compute/function_registry.hpp>

#include <fmt/format.h>

namespace deriva {

// NOLINTNEXTLINE(performance-unnecessary-value-param): it is moved
void FunctionRegistry::add(FunctionId id, Function function) {
  if (id.name.empty()) throw Exception(Error(Errc::invalid_argument, "a function needs a name"));
  const auto [entry, is_new] = functions_.try_emplace(std::move(id), std::move(function));
  if (!is_new) {
    throw Exception(Error(Errc::invalid_argument,
                          fmt::format("there is a function {}/{} already", entry->first.name, entry->first.version))
                        .with_function(entry->first));
  }
}

Function FunctionRegistry::find(const FunctionId& id) const noexcept {
  const auto found = functions_.find(id);
  return found == functions_.end() ? Function() : found->second;
}

}  // namespace deriva
