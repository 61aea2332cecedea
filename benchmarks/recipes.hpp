#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <deriva/core/address.hpp>
#include <deriva/core/recipe.hpp>

namespace bench {

/// Distinct recipes as hosts make them: 2.2 inputs on average, 4 of 5 recent recipes and the rest leaves or older ones,
/// and one param. The same ones in every run. `first` distinguishes sets that must not overlap.
[[nodiscard]] std::vector<deriva::Recipe> make_recipes(std::size_t count, std::int64_t first = 0);

enum class Shape : std::uint8_t {
  chain,  ///< Each node has the one before it as its input.
  wide,   ///< One node, many that depend on it, and a tree of sums of a thousand each that gathers them.
  tree,   ///< A binary tree.
};

/// A graph of one function, "node" version "1", whose one param "number" differs from node to node.
struct Graph {
  std::vector<deriva::Recipe> recipes;  ///< Inputs first, the target last.
  deriva::Address target;
};

[[nodiscard]] Graph make_graph(Shape shape, std::size_t nodes);

}  // namespace bench
