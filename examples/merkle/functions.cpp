#include "functions.hpp"

#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "git_objects.hpp"

namespace merkle {
namespace {

using deriva::Blob;
using deriva::Params;

using Inputs = std::span<const Blob>;

Blob blob_of(const ObjectId& id) { return Blob::copy_of(deriva::BytesView(id)); }

const std::vector<deriva::Value>& list(const Params& params, const std::string& name) {
  return std::get<deriva::List>(params.at(name)).items();
}

/// What these functions throw reaches the host as `Errc::function_failed`, with this sentence and the recipe's address.
std::string tree_entries(Inputs ids, const Params& params) {
  const std::vector<deriva::Value>& modes = list(params, "modes");
  const std::vector<deriva::Value>& names = list(params, "names");
  if (modes.size() != ids.size() || names.size() != ids.size()) {
    throw std::invalid_argument("a tree needs one mode and one name for each input");
  }
  std::string entries;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i].size() != sizeof(ObjectId)) throw std::invalid_argument("an input of a tree is not an object id");
    append_tree_entry(entries, std::get<std::string>(modes[i]), std::get<std::string>(names[i]), ids[i]);
  }
  return entries;
}

Blob compute_blob(Inputs inputs, const Params&) {
  if (inputs.size() != 1) throw std::invalid_argument("a blob has one input");
  return blob_of(blob_id(inputs[0]));
}

Blob compute_tree(Inputs inputs, const Params& params) {
  return blob_of(tree_id(deriva::as_bytes(tree_entries(inputs, params))));
}

Blob compute_tree_part(Inputs inputs, const Params& params) { return Blob::adopt(tree_entries(inputs, params)); }

Blob compute_tree_join(Inputs parts, const Params&) {
  std::string entries;
  for (const Blob& part : parts) entries += deriva::as_text(part);
  return blob_of(tree_id(deriva::as_bytes(entries)));
}

}  // namespace

const deriva::FunctionId& git_blob() {
  static const deriva::FunctionId id{"git-blob", "1"};
  return id;
}

const deriva::FunctionId& git_tree() {
  static const deriva::FunctionId id{"git-tree", "1"};
  return id;
}

const deriva::FunctionId& git_tree_part() {
  static const deriva::FunctionId id{"git-tree-part", "1"};
  return id;
}

const deriva::FunctionId& git_tree_join() {
  static const deriva::FunctionId id{"git-tree-join", "1"};
  return id;
}

deriva::FunctionRegistry make_functions() {
  deriva::FunctionRegistry functions;
  functions.add(git_blob(), compute_blob);
  functions.add(git_tree(), compute_tree);
  functions.add(git_tree_part(), compute_tree_part);
  functions.add(git_tree_join(), compute_tree_join);
  return functions;
}

}  // namespace merkle
