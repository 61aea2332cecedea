#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include <deriva/core/address.hpp>
#include <deriva/core/bytes.hpp>
#include <deriva/core/error.hpp>
#include <deriva/core/params.hpp>

namespace deriva {

/// Names a function and the version of its behaviour: whoever changes what a function returns changes the version.
/// Both are bytes that are compared as they are: nothing is done about case or Unicode normal forms.
struct FunctionId {
  std::string name;
  std::string version;

  friend auto operator<=>(const FunctionId&, const FunctionId&) = default;
};

/// Writes "name/version".
std::ostream& operator<<(std::ostream& out, const FunctionId& function);

/// A description of a value: the function, its inputs in order (the same one may occur twice, there may be none), and
/// its parameters.
struct Recipe {
  FunctionId function;
  std::vector<Address> inputs;
  Params params;

  /// SHA-512/256 of `encode(*this)`. Errors: throws `Exception` as `encode` does.
  [[nodiscard]] Address address() const;

  friend bool operator==(const Recipe&, const Recipe&) = default;
};

/// What a recipe may hold at most. Larger ones are refused when they are encoded and when they are decoded.
/// `recipe_bytes` is reached by 32,767 inputs.
namespace limits {
inline constexpr std::size_t recipe_bytes = std::size_t{1} << 20U;    ///< The whole encoding.
inline constexpr std::size_t params_bytes = std::size_t{256} << 10U;  ///< The encoding of the params.
inline constexpr std::size_t inputs = 65'536;
inline constexpr std::size_t name_bytes = 255;  ///< A function's name, its version, a param's name.
inline constexpr std::size_t nesting = 32;      ///< Lists within lists.
}  // namespace limits

/// The canonical encoding (docs/storage-format.md has the grammar): equal recipes, and only equal recipes, have equal
/// encodings. Errors: throws `Exception` with `Errc::invalid_argument` for a recipe that `try_encode` refuses.
[[nodiscard]] std::vector<std::byte> encode(const Recipe& recipe);

/// As `encode`, without throwing for a bad recipe. Errors: `Errc::invalid_argument` for an empty function name, a NaN,
/// or anything above `limits`.
[[nodiscard]] Result<std::vector<std::byte>> try_encode(const Recipe& recipe);

/// Reads exactly what `encode` writes: `decode_recipe(x)` succeeds only if encoding its result gives `x` again.
/// Errors: `Errc::malformed` with the offset of the first byte that is wrong. Complexity: linear; nothing is reserved
/// for a count that the remaining bytes cannot hold. Not recursive.
[[nodiscard]] Result<Recipe> decode_recipe(BytesView bytes);

/// The address of a recipe with this encoding. Requires: `encoding` came from `encode` or was decoded.
[[nodiscard]] Address recipe_address(BytesView encoding);

}  // namespace deriva

template <>
struct std::hash<deriva::FunctionId> {
  std::size_t operator()(const deriva::FunctionId& function) const noexcept {
    constexpr std::size_t spread = static_cast<std::size_t>(0x9E3779B97F4A7C15);
    return std::hash<std::string>()(function.name) * spread + std::hash<std::string>()(function.version);
  }
};
