#pragma once

#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <deriva/core/recipe.hpp>
#include <deriva/store/store.hpp>

#include "leaves.hpp"
#include "scan.hpp"

namespace merkle {

/// A recipe of the graph that describes a directory.
struct Node {
  static constexpr std::size_t no_file = std::numeric_limits<std::size_t>::max();

  deriva::Recipe recipe;
  deriva::Address address;
  std::string path;                 ///< Of the first file or directory that it stands for; directories end with '/'.
  std::size_t occurrences = 1;      ///< Files or directories that it stands for: equal content is one recipe.
  std::size_t file = no_file;       ///< Of a blob: the first of those files, in `Scan::files`.
  std::vector<std::size_t> inputs;  ///< Of a tree: nodes, one for each of the recipe's inputs.
};

/// The recipes that describe a directory, each once; inputs before those that have them. The last one is the root.
using Graph = std::vector<Node>;

/// Describes the directory: a recipe for each file and each directory. Directories without files, however many
/// directories they have, are left out, for git does not know them; but the root is always there.
[[nodiscard]] Graph describe(const Scan& scan, const Leaves& leaves);

/// What a store lacks for computing a graph.
struct Missing {
  std::vector<std::size_t> recipes;  ///< Nodes, ascending.
  std::vector<std::size_t> leaves;   ///< Of `Scan::files`.
};

/// Walks the graph down from its root as far as values have to be computed. Complexity: one lookup if the root is
/// known. Errors: throws `deriva::Exception`.
[[nodiscard]] Missing find_missing(const deriva::Store& store, const Graph& graph, const Leaves& leaves);

/// Stores recipes of the graph, inputs first, so that a recipe in the store never lacks one of its inputs there.
/// Errors: throws `deriva::Exception`.
void put_recipes(deriva::Store& store, const Graph& graph, std::span<const std::size_t> nodes);

}  // namespace merkle
