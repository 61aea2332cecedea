#include "graph.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <variant>

#include "functions.hpp"

namespace merkle {
namespace {

/// One recipe holds the entries of a directory up to these; then it is taken in parts. Both are well below
/// `deriva::limits`; a smaller part is less to compute again when one of its entries changes.
constexpr std::size_t part_entries = 2'048;
constexpr std::size_t part_name_bytes = std::size_t{64} << 10U;

constexpr std::size_t nothing = Node::no_file;
constexpr std::size_t lookup_batch = 4'096;
constexpr std::size_t put_batch = 4'096;

class Builder {
 public:
  Builder(const Scan& scan, const Leaves& leaves) : scan_(scan), leaves_(leaves), blobs_(scan.files.size(), nothing) {
    graph_.reserve(scan.files.size() + scan.directories.size());
    index_.reserve(graph_.capacity());
  }

  Graph build() && {
    for (std::size_t i = 0; i < scan_.files.size(); ++i) {
      blobs_[i] = add({git_blob(), {leaves_.addresses[i]}, {}}, scan_.files[i].path, {});
      if (graph_[blobs_[i]].occurrences == 1) graph_[blobs_[i]].file = i;
    }
    trees_.assign(scan_.directories.size(), nothing);
    for (std::size_t i = scan_.directories.size(); i-- > 0;) add_directory(i);  // Children come after their parents.
    return std::move(graph_);
  }

 private:
  /// The node of a recipe: a new one, or the one that is there.
  std::size_t add(deriva::Recipe recipe, std::string path, std::vector<std::size_t> inputs) {
    const deriva::Address address = recipe.address();
    const auto [found, is_new] = index_.try_emplace(address, graph_.size());
    if (is_new) {
      graph_.push_back({std::move(recipe), address, std::move(path), 1, nothing, std::move(inputs)});
    } else {
      ++graph_[found->second].occurrences;
    }
    return found->second;
  }

  struct Part {
    std::vector<std::size_t> inputs;
    std::vector<deriva::Value> modes;
    std::vector<deriva::Value> names;
    std::size_t name_bytes = 0;

    [[nodiscard]] bool is_full() const { return inputs.size() >= part_entries || name_bytes >= part_name_bytes; }
  };

  std::size_t add_part(const deriva::FunctionId& function, Part part, std::string path) {
    deriva::Params params;
    params.emplace("modes", deriva::List(std::move(part.modes)));
    params.emplace("names", deriva::List(std::move(part.names)));
    deriva::Recipe recipe{function, addresses(part.inputs), std::move(params)};
    return add(std::move(recipe), std::move(path), std::move(part.inputs));
  }

  void add_directory(std::size_t directory) {
    std::vector<Part> parts(1);
    for (const Entry& entry : scan_.directories[directory].entries) {
      const std::size_t node = entry.mode == Mode::directory ? trees_[entry.index] : blobs_[entry.index];
      if (node == nothing) continue;
      if (parts.back().is_full()) parts.emplace_back();
      // A file's mode may have changed between the walk and its reading.
      const Mode mode = entry.mode == Mode::directory ? entry.mode : scan_.files[entry.index].mode;
      parts.back().inputs.push_back(node);
      parts.back().modes.emplace_back(std::string(to_string(mode)));
      parts.back().names.emplace_back(entry.name);
      parts.back().name_bytes += entry.name.size();
    }
    if (parts.front().inputs.empty() && directory != 0) return;
    const std::string path = scan_.directories[directory].path + '/';
    if (parts.size() == 1) {
      trees_[directory] = add_part(git_tree(), std::move(parts.front()), path);
      return;
    }
    std::vector<std::size_t> inputs;
    for (Part& part : parts) {
      std::string part_path = path + " (part " + std::to_string(inputs.size() + 1) + ")";
      inputs.push_back(add_part(git_tree_part(), std::move(part), std::move(part_path)));
    }
    trees_[directory] = add({git_tree_join(), addresses(inputs), {}}, path, inputs);
  }

  std::vector<deriva::Address> addresses(std::span<const std::size_t> nodes) const {
    std::vector<deriva::Address> result;
    result.reserve(nodes.size());
    for (const std::size_t node : nodes) result.push_back(graph_[node].address);
    return result;
  }

  const Scan& scan_;
  const Leaves& leaves_;
  Graph graph_;
  std::unordered_map<deriva::Address, std::size_t> index_;
  std::vector<std::size_t> blobs_;  ///< The node of each file.
  std::vector<std::size_t> trees_;  ///< The node of each directory, if it has one.
};

/// Calls `visit(i, answer)` with what the store knows of each address.
template <class Visit>
void look_up(const deriva::Store& store, std::span<const deriva::Address> addresses, const Visit& visit) {
  for (std::size_t begin = 0; begin < addresses.size(); begin += lookup_batch) {
    const auto batch = addresses.subspan(begin, std::min(lookup_batch, addresses.size() - begin));
    const auto shifted = [&](std::size_t i, const deriva::Lookup::Answer& answer) { visit(begin + i, answer); };
    store.look_up(batch, shifted).value();
  }
}

}  // namespace

Graph describe(const Scan& scan, const Leaves& leaves) { return Builder(scan, leaves).build(); }

Missing find_missing(const deriva::Store& store, const Graph& graph, const Leaves& leaves) {
  Missing missing;
  std::vector<std::size_t> unsure;  // Files whose leaf may be missing.
  std::vector<bool> seen(graph.size());
  std::vector<std::size_t> level{graph.size() - 1};
  while (!level.empty()) {
    std::vector<deriva::Address> addresses;
    for (const std::size_t node : level) addresses.push_back(graph[node].address);
    std::vector<std::size_t> next;
    look_up(store, addresses, [&](std::size_t i, const deriva::Lookup::Answer& answer) {
      if (std::holds_alternative<deriva::Lookup::Stored>(answer)) return;
      const Node& node = graph[level[i]];
      if (std::holds_alternative<deriva::Lookup::Unknown>(answer)) missing.recipes.push_back(level[i]);
      if (node.file != nothing && !leaves.are_stored[node.file]) unsure.push_back(node.file);
      for (const std::size_t input : node.inputs) {
        if (!seen[input]) next.push_back(input);
        seen[input] = true;
      }
    });
    level = std::move(next);
  }
  std::sort(missing.recipes.begin(), missing.recipes.end());

  std::vector<deriva::Address> addresses;
  for (const std::size_t file : unsure) addresses.push_back(leaves.addresses[file]);
  look_up(store, addresses, [&](std::size_t i, const deriva::Lookup::Answer& answer) {
    if (!std::holds_alternative<deriva::Lookup::Stored>(answer)) missing.leaves.push_back(unsure[i]);
  });
  return missing;
}

void put_recipes(deriva::Store& store, const Graph& graph, std::span<const std::size_t> nodes) {
  for (std::size_t begin = 0; begin < nodes.size(); begin += put_batch) {
    std::vector<deriva::Recipe> batch;
    for (const std::size_t node : nodes.subspan(begin, std::min(put_batch, nodes.size() - begin))) {
      batch.push_back(graph[node].recipe);
    }
    static_cast<void>(store.put_recipes(batch).value());
  }
}

}  // namespace merkle
