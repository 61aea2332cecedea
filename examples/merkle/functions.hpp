#pragma once

#include <deriva/compute/function_registry.hpp>
#include <deriva/core/recipe.hpp>

/// The functions of this program. Their values are git's, so the root can be compared with `git write-tree`.
///
///   git-blob/1       one leaf, the content of a file               -> its object id
///   git-tree/1       the ids of the entries, in git's order;       -> its object id
///                    params: "modes" and "names", lists of text
///
/// A recipe's params are limited, a directory is not. One with very many entries is taken in parts:
///
///   git-tree-part/1  as git-tree/1, for some of the entries        -> these entries, as they stand in the tree object
///   git-tree-join/1  all parts, in order                           -> the object id of the tree
namespace merkle {

[[nodiscard]] const deriva::FunctionId& git_blob();
[[nodiscard]] const deriva::FunctionId& git_tree();
[[nodiscard]] const deriva::FunctionId& git_tree_part();
[[nodiscard]] const deriva::FunctionId& git_tree_join();

/// All of them. Whoever changes what one of them returns changes its version.
[[nodiscard]] deriva::FunctionRegistry make_functions();

}  // namespace merkle
