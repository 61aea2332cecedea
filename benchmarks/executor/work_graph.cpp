#include "executor/work_graph.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <utility>

#include "support/samples.hpp"

namespace bench {
namespace {

/// Inputs of one recipe; above, nodes are gathered in parts.
constexpr std::size_t most_inputs = 1'000;

/// Adds nodes until one needs all of these.
void gather(WorkGraph& graph, std::vector<std::uint32_t> level) {
  while (level.size() > 1) {
    std::vector<std::uint32_t> above;
    for (std::size_t i = 0; i < level.size(); i += most_inputs) {
      const auto begin = level.begin() + static_cast<std::ptrdiff_t>(i);
      const auto end = level.begin() + static_cast<std::ptrdiff_t>(std::min(i + most_inputs, level.size()));
      above.push_back(static_cast<std::uint32_t>(graph.size()));
      graph.inputs.emplace_back(begin, end);
    }
    level = std::move(above);
  }
}

std::uint64_t spin(std::uint64_t rounds) noexcept {
  std::uint64_t state = rounds;
  for (std::uint64_t i = 0; i < rounds; ++i) {
    state = state * 6'364'136'223'846'793'005ULL + 1'442'695'040'888'963'407ULL;
    asm volatile("" : "+r"(state));  // NOLINT(hicpp-no-assembler): nothing of it is left out.
  }
  return state;
}

}  // namespace

std::uint64_t WorkGraph::expected() const {
  std::vector<std::uint64_t> values(size());
  for (std::size_t i = 0; i < size(); ++i) {
    values[i] = 1;
    for (const std::uint32_t input : inputs[i]) values[i] += values[input];
  }
  return values.back();
}

WorkGraph chain_graph(std::size_t nodes) {
  WorkGraph graph{"chain", {{}}};
  while (graph.size() < nodes) graph.inputs.push_back({static_cast<std::uint32_t>(graph.size() - 1)});
  return graph;
}

WorkGraph wide_graph(std::size_t nodes) {
  WorkGraph graph{"wide", {{}}};
  std::vector<std::uint32_t> level;
  while (graph.size() < nodes) {
    level.push_back(static_cast<std::uint32_t>(graph.size()));
    graph.inputs.push_back({0});
  }
  gather(graph, std::move(level));
  return graph;
}

WorkGraph layered_graph(std::size_t nodes) {
  const std::size_t width = std::clamp<std::size_t>(nodes / 10, 1, 1'000);
  std::mt19937 random(1);
  WorkGraph graph{"layered", std::vector<std::vector<std::uint32_t>>(width)};
  std::vector<std::uint32_t> level(width);
  std::iota(level.begin(), level.end(), 0U);
  while (graph.size() < nodes) {
    const std::size_t below = graph.size() - width;
    for (std::size_t i = 0; i < width; ++i) {
      level[i] = static_cast<std::uint32_t>(graph.size());
      graph.inputs.push_back({static_cast<std::uint32_t>(below + i),
                              static_cast<std::uint32_t>(below + random() % width),
                              static_cast<std::uint32_t>(below + random() % width)});
    }
  }
  gather(graph, std::move(level));
  return graph;
}

WorkGraph tree_graph(std::size_t nodes) {
  const std::size_t leaves = std::bit_ceil(nodes) / 2;
  WorkGraph graph{"tree", std::vector<std::vector<std::uint32_t>>(leaves)};
  for (std::uint32_t next = 0; graph.size() < 2 * leaves - 1; next += 2) graph.inputs.push_back({next, next + 1});
  return graph;
}

WorkGraph ladder_graph(std::size_t nodes) {
  WorkGraph graph{"ladder", {{}, {}}};
  while (graph.size() + 1 < nodes) {
    const auto next = static_cast<std::uint32_t>(graph.size());
    graph.inputs.push_back({next - 2, next - 1});
    graph.inputs.push_back({next - 2, next - 1});
  }
  const auto next = static_cast<std::uint32_t>(graph.size());
  graph.inputs.push_back({next - 2, next - 1});
  return graph;
}

WorkGraph make_graph(const std::string& shape, std::size_t nodes) {
  const std::map<std::string, WorkGraph (*)(std::size_t)> shapes{{"chain", chain_graph},
                                                                 {"wide", wide_graph},
                                                                 {"layered", layered_graph},
                                                                 {"tree", tree_graph},
                                                                 {"ladder", ladder_graph}};
  return shapes.at(shape)(nodes);
}

std::vector<deriva::Recipe> recipes_of(const WorkGraph& graph) {
  std::vector<deriva::Recipe> recipes;
  std::vector<deriva::Address> addresses;
  std::set<std::vector<std::uint32_t>> seen;
  for (std::size_t i = 0; i < graph.size(); ++i) {
    deriva::Recipe recipe{{"node", "1"}, {}, {}};
    for (const std::uint32_t input : graph.inputs[i]) recipe.inputs.push_back(addresses[input]);
    if (!seen.insert(graph.inputs[i]).second) recipe.params.emplace("number", static_cast<std::int64_t>(i));
    addresses.push_back(recipe.address());
    recipes.push_back(std::move(recipe));
  }
  return recipes;
}

Work::Work(std::uint64_t wanted) {
  if (wanted == 0) return;
  constexpr std::uint64_t rounds = 20'000;
  double least = std::numeric_limits<double>::max();
  for (int i = 0; i < 50; ++i) least = std::min(least, nanoseconds([] { spin(rounds); }));
  rounds_ = static_cast<std::uint64_t>(static_cast<double>(wanted) * rounds / least);
}

Work Work::of_rounds(std::uint64_t rounds) noexcept {
  Work work(0);
  work.rounds_ = rounds;
  return work;
}

void Work::operator()() const noexcept { spin(rounds_); }

}  // namespace bench
