#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <deriva/core/address.hpp>
#include <deriva/core/bytes.hpp>
#include <deriva/core/error.hpp>
#include <deriva/core/recipe.hpp>

namespace deriva::detail {

/// What the graph keeps with the entry of a recipe, besides its inputs: varint number of the function, then the params
/// as the canonical encoding has them, or nothing if there are none.
struct RecipePayload {
  std::uint32_t function = 0;
  BytesView params;
};

/// The params at the end of a recipe's encoding; empty if there are none. Requires: `encoding` is that of the recipe.
[[nodiscard]] BytesView params_of(const Recipe& recipe, BytesView encoding);

void append_payload(std::vector<std::byte>& out, std::uint32_t function, BytesView params);
/// Throws `Failure`: `corrupted`.
[[nodiscard]] RecipePayload split_long_payload(BytesView payload);
[[nodiscard]] inline RecipePayload split_payload(BytesView payload) {
  // Few stores have more than 127 functions.
  const std::uint32_t first = payload.empty() ? 0x80U : std::to_integer<std::uint32_t>(payload.front());
  return first < 0x80U ? RecipePayload{first, payload.subspan(1)} : split_long_payload(payload);
}

/// The canonical encoding of a recipe from its parts. `inputs`: addresses, one after the other.
[[nodiscard]] std::vector<std::byte> join_encoding(const FunctionId& function, BytesView inputs, BytesView params);

}  // namespace deriva::detail
