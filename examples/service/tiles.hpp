#pragma once

#include <cstdint>

#include <deriva/compute/function_registry.hpp>
#include <deriva/core/address.hpp>
#include <deriva/core/error.hpp>
#include <deriva/store/store.hpp>

namespace service {

/// A map in square tiles of grey: one at zoom 0, four times as many with each further zoom.
struct Tile {
  static constexpr std::uint32_t deepest = 3;  ///< Where the terrain is drawn; above, tiles are made of four below.
  static constexpr std::size_t side = 64;      ///< In pixels, of one byte each.
  std::uint32_t zoom = 0;
  std::uint32_t x = 0;
  std::uint32_t y = 0;

  [[nodiscard]] bool exists() const noexcept { return zoom <= deepest && x >> zoom == 0 && y >> zoom == 0; }
};

[[nodiscard]] deriva::FunctionRegistry make_functions();

/// Describes the tile and all below it; equal recipes are stored once. Errors: the store's. Requires: it exists.
[[nodiscard]] deriva::Result<deriva::Address> describe(deriva::Store& store, const Tile& tile);

}  // namespace service
