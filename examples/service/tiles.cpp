#include "tiles.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace service {
namespace {

using deriva::Address;
using deriva::Blob;
using deriva::Params;
using deriva::Recipe;
using Pixels = std::vector<std::byte>;

constexpr std::size_t side = Tile::side;

std::byte height_at(double x, double y) {
  const double hills = std::sin(7 * x) * std::cos(5 * y) + std::sin(23 * x + 11 * y) / 3 + std::cos(61 * (x - y)) / 9;
  return static_cast<std::byte>(std::clamp(128 + 85 * hills, 0.0, 255.0));
}

Blob draw_terrain(std::span<const Blob>, const Params& params) {
  const auto origin_x = static_cast<double>(std::get<std::int64_t>(params.at("x")));
  const auto origin_y = static_cast<double>(std::get<std::int64_t>(params.at("y")));
  constexpr double scale = 1.0 / (std::size_t{1} << Tile::deepest) / side;
  Pixels pixels(side * side);
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    const double x = (origin_x * side + static_cast<double>(i % side)) * scale;
    const double y = (origin_y * side + static_cast<double>(i / side)) * scale;
    pixels[i] = height_at(x, y);
  }
  return Blob::copy_of(deriva::BytesView(pixels));
}

/// Each pixel is the mean of four.
Blob shrink(std::span<const Blob> quarters, const Params&) {
  Pixels pixels(side * side);
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    const std::size_t x = 2 * (i % side);
    const std::size_t y = 2 * (i / side);
    const deriva::BytesView from = quarters[y / side * 2 + x / side];
    const std::size_t first = y % side * side + x % side;
    unsigned sum = 0;
    for (const std::size_t at : {first, first + 1, first + side, first + side + 1}) {
      sum += std::to_integer<unsigned>(from[at]);
    }
    pixels[i] = static_cast<std::byte>(sum / 4);
  }
  return Blob::copy_of(deriva::BytesView(pixels));
}

}  // namespace

deriva::FunctionRegistry make_functions() {
  deriva::FunctionRegistry functions;
  functions.add({"draw-terrain", "1"}, draw_terrain);
  functions.add({"shrink", "1"}, shrink);
  return functions;
}

deriva::Result<Address> describe(deriva::Store& store, const Tile& tile) {
  std::vector<Recipe> recipes;
  std::vector<Address> below;  // the row-major square of one zoom
  for (std::uint32_t zoom = Tile::deepest + 1; zoom-- > tile.zoom;) {
    const std::uint32_t width = 1U << (zoom - tile.zoom);
    std::vector<Address> square;
    for (std::uint32_t i = 0; i < width * width; ++i) {
      const std::uint32_t x = i % width;
      const std::uint32_t y = i / width;
      Recipe recipe{{"draw-terrain", "1"}, {}, {}};
      if (zoom == Tile::deepest) {
        recipe.params = {{"x", std::int64_t{tile.x * width + x}}, {"y", std::int64_t{tile.y * width + y}}};
      } else {
        const std::size_t first = std::size_t{4} * y * width + 2 * x;
        recipe.function.name = "shrink";
        recipe.inputs = {below[first], below[first + 1], below[first + 2 * width], below[first + 2 * width + 1]};
      }
      square.push_back(recipe.address());
      recipes.push_back(std::move(recipe));
    }
    below = std::move(square);
  }
  if (const auto stored = store.put_recipes(recipes); !stored) return stored.error();
  return below.front();
}

}  // namespace service
