#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <utility>

#include <deriva/compute/compute_registry.hpp>
#include <deriva/compute/function.hpp>
#include <deriva/core/recipe.hpp>

namespace deriva {

/// A string literal as a template argument.
template <std::size_t Size>
struct FixedString {
  // NOLINTNEXTLINE(google-explicit-constructor): made from a literal in a template argument list.
  constexpr FixedString(const char (&literal)[Size]) noexcept { std::copy_n(literal, Size, text.begin()); }
  [[nodiscard]] constexpr std::string_view view() const noexcept { return {text.data(), Size - 1}; }
  std::array<char, Size> text{};
};

/// A function known at compile time: name, version and a captureless callable of either kind.
template <FixedString Name, FixedString Version, auto Callable>
struct StaticFunction {
  static_assert(!Name.view().empty(), "a function needs a name");
  static constexpr std::string_view name = Name.view();
  static constexpr std::string_view version = Version.view();
  static constexpr auto callable = Callable;

  [[nodiscard]] static const Function& function() {
    static const Function instance = [] {
      if constexpr (CoroutineFunction<decltype(Callable)>) {
        return Function::coroutine(Callable);
      } else {
        return Function::plain(Callable);
      }
    }();
    return instance;
  }
};

/// A registry whose functions are known at compile time: `StaticRegistry<StaticFunction<"concat", "1", concat>, ...>`.
/// Two functions of one name and version do not compile. Stateless; thread safety: any thread.
template <class... Functions>
class StaticRegistry {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, sizeof...(Functions)> ids{
      std::pair{Functions::name, Functions::version}...};

  static constexpr bool all_distinct() {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (index_of(ids[i].first, ids[i].second) != i) return false;
    }
    return true;
  }

 public:
  /// The function, or an empty one. Complexity: linear in the number of functions.
  [[nodiscard]] Function find(const FunctionId& id) const {
    Function found;
    static_cast<void>(
        ((id.name == Functions::name && id.version == Functions::version && (found = Functions::function(), true)) ||
         ...));
    return found;
  }
  [[nodiscard]] static constexpr std::size_t size() noexcept { return sizeof...(Functions); }

  /// The place of a function in the list; `size()`: there is none. Complexity: linear in the number of functions.
  [[nodiscard]] static constexpr std::size_t index_of(std::string_view name, std::string_view version) noexcept {
    return static_cast<std::size_t>(std::find(ids.begin(), ids.end(), std::pair{name, version}) - ids.begin());
  }
  /// The callable of that name and version, found when this is compiled, to be called directly. One that is not there
  /// does not compile.
  template <FixedString Name, FixedString Version>
  [[nodiscard]] static constexpr auto callable() noexcept {
    constexpr std::size_t index = index_of(Name.view(), Version.view());
    static_assert(index < size(), "the registry has no function of this name and version");
    return std::tuple_element_t<index, std::tuple<Functions...>>::callable;
  }

  static_assert(all_distinct(), "two functions have the same name and version");
};

}  // namespace deriva
