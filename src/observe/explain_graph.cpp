#include <deriva/observe/explain.hpp>

#include <algorithm>
#include <iterator>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

namespace deriva {
namespace {

/// One side of a search from both ends: each address with the one that it was reached from.
struct Side {
  explicit Side(const Address& begin) : from{{begin, begin}}, edge{begin} {}

  std::unordered_map<Address, Address> from;
  std::vector<Address> edge;  ///< Reached last.

  void walk(Address at, std::vector<Address>& path) const {
    while (true) {
      path.push_back(at);
      const Address& before = from.at(at);
      if (before == at) return;
      at = before;
    }
  }
};

/// Takes the side one step on; where it met the other side, if it did.
template <class Neighbours>
Result<std::optional<Address>> advance(Side& side, const Side& other, const Neighbours& neighbours) {
  std::vector<Address> next;
  std::optional<Address> met;
  for (const Address& at : side.edge) {
    auto visit = [&](const Address& neighbour) {
      if (!side.from.emplace(neighbour, at).second) return true;
      next.push_back(neighbour);
      if (other.from.count(neighbour) != 0) met = neighbour;
      return !met;
    };
    const auto visited = neighbours(at, visit);
    if (!visited) return visited.error();
    if (met) return met;
  }
  side.edge = std::move(next);
  return met;
}

/// What is drawn of an address.
struct Look {
  std::string label;
  std::string_view shape;
  std::string_view fill;
};

Look look_of(const Address& address, const Lookup::Answer& answer, const std::optional<Recipe>& recipe) {
  const std::string brief = address.to_string().substr(0, 12);
  if (recipe) {
    std::string label;
    for (const char c : recipe->function.name + '/' + recipe->function.version) {
      const bool plain = static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7F;
      if (c == '"' || c == '\\') label += '\\';
      label += plain ? c : '?';
    }
    label += "\\n" + brief;
    if (const auto* stored = std::get_if<Lookup::Stored>(&answer)) {
      return {label + fmt::format("\\n{} bytes", stored->size), "box", "#d3ecd9"};
    }
    const auto* computable = std::get_if<Lookup::Computable>(&answer);
    return {label, "box", computable != nullptr && computable->evicted ? "#fbe3c0" : "#ffffff"};
  }
  if (const auto* stored = std::get_if<Lookup::Stored>(&answer)) {
    return {brief + fmt::format("\\n{} bytes", stored->size), "ellipse", "#dbe7fb"};
  }
  return {brief + "\\nunknown", "ellipse", "#f7d4d2"};
}

}  // namespace

Result<std::vector<Address>> why(const Store& store, const Address& target, const Address& below) {
  if (target == below) return std::vector<Address>{target};
  Side down(target);
  Side up(below);
  while (!down.edge.empty() && !up.edge.empty()) {
    const bool downwards = down.edge.size() <= up.edge.size();
    Result<std::optional<Address>> met =
        downwards
            ? advance(down, up, [&](const Address& at, auto& visit) { return store.dag().for_each_input(at, visit); })
            : advance(up, down,
                      [&](const Address& at, auto& visit) { return store.dag().for_each_dependent(at, visit); });
    if (!met) return met.error();
    if (!*met) continue;
    std::vector<Address> path;
    down.walk(**met, path);
    std::reverse(path.begin(), path.end());
    path.pop_back();
    up.walk(**met, path);
    return path;
  }
  return std::vector<Address>();
}

Result<std::string> to_dot(const Store& store, const Address& target, DotLimits limits) {
  std::string out = "digraph deriva {\n  rankdir=BT;\n  node [style=filled, fontname=\"sans-serif\", fontsize=10];\n";
  const auto line = std::back_inserter(out);
  std::unordered_map<Address, std::size_t> depth = {{target, 0}};
  std::vector<Address> order = {target};
  for (std::size_t next = 0; next < order.size(); ++next) {
    const Address address = order[next];
    std::optional<Lookup::Answer> answer;
    auto visit = [&](std::size_t, Lookup::Answer one) { answer = std::move(one); };
    if (const Result<void> looked = store.look_up({&address, 1}, visit); !looked) return looked.error();
    const Result<std::optional<Recipe>> recipe = store.recipe(address);
    if (!recipe) return recipe.error();
    const Look look = look_of(address, *answer, *recipe);
    fmt::format_to(line, "  \"{}\" [shape={}, fillcolor=\"{}\", label=\"{}\"];\n", address.to_string(), look.shape,
                   look.fill, look.label);
    std::size_t left_out = 0;
    for (const Address& input : *recipe ? (*recipe)->inputs : std::vector<Address>()) {
      const bool is_new = depth.count(input) == 0;
      if (is_new && (order.size() >= limits.nodes || depth[address] >= limits.depth)) {
        ++left_out;
        continue;
      }
      if (is_new) {
        depth[input] = depth[address] + 1;
        order.push_back(input);
      }
      fmt::format_to(line, "  \"{}\" -> \"{}\";\n", input.to_string(), address.to_string());
    }
    if (left_out > 0) {
      fmt::format_to(line, "  \"more {0}\" [shape=plaintext, fillcolor=\"transparent\", label=\"... {1} more\"];\n",
                     address.to_string(), left_out);
      fmt::format_to(line, "  \"more {0}\" -> \"{0}\" [style=dotted];\n", address.to_string());
    }
  }
  return out + "}\n";
}

}  // namespace deriva
