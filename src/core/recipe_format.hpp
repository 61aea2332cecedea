#pragma once

#include <cstddef>
#include <cstdint>

#include <deriva/core/bytes.hpp>
#include <deriva/core/error.hpp>
#include <deriva/core/params.hpp>

/// The constants of the canonical encoding of recipes (docs/storage-format.md, "Canonical encoding of recipes").
namespace deriva::detail {

inline constexpr std::uint8_t recipe_tag = 0xD1;
inline constexpr std::uint8_t recipe_version = 1;

enum class ValueTag : std::uint8_t { false_ = 0, true_ = 1, integer = 2, real = 3, text = 4, bytes = 5, list = 6 };

/// The fewest bytes of a value: a bool.
inline constexpr std::size_t least_value_bytes = 1;
/// The fewest bytes of a param: an empty name and a bool.
inline constexpr std::size_t least_param_bytes = 1 + least_value_bytes;

/// Reads the last part of an encoding, the params. Errors: as `decode_recipe`.
[[nodiscard]] Result<void> parse_params(BytesView bytes, Params& out);

}  // namespace deriva::detail
