#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace deriva::detail {

/// Names a computation by what goes into it, and not by where that came from: the function, the params, and the digests
/// of the inputs' values. Two recipes with the same key have the same value, however their inputs were made.
struct CutoffKey {
  std::array<std::byte, 24> bytes{};  ///< The first ones of a SHA-256: 96 bits against collisions that are sought.

  friend bool operator==(const CutoffKey&, const CutoffKey&) = default;
};

/// A node that is not known.
inline constexpr std::uint32_t no_node = ~std::uint32_t{0};

}  // namespace deriva::detail
