#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <deriva/core/address.hpp>
#include <deriva/core/recipe.hpp>

namespace bench {

/// What every contender computes: node i has the sum of its inputs' values plus one, modulo 2^64, and spends some time
/// on it. Numbers are in topological order; the last node needs all others.
struct WorkGraph {
  std::string shape;
  std::vector<std::vector<std::uint32_t>> inputs;

  [[nodiscard]] std::size_t size() const noexcept { return inputs.size(); }
  /// What the last node must come to.
  [[nodiscard]] std::uint64_t expected() const;
};

[[nodiscard]] WorkGraph chain_graph(std::size_t nodes);
/// One node, many that need it, and one that needs those.
[[nodiscard]] WorkGraph wide_graph(std::size_t nodes);
/// Ten layers, or more of a thousand nodes each; each node needs the one below it and two others of the layer below, at
/// random.
[[nodiscard]] WorkGraph layered_graph(std::size_t nodes);
/// A binary tree whose root needs the two halves: the next power of two, less one.
[[nodiscard]] WorkGraph tree_graph(std::size_t nodes);
/// Two nodes on each rung, each of which needs both of the rung below.
[[nodiscard]] WorkGraph ladder_graph(std::size_t nodes);

/// One of these, by the name of its shape.
[[nodiscard]] WorkGraph make_graph(const std::string& shape, std::size_t nodes);

/// The graph as recipes of "node" version "1", in order. Nodes that have the same inputs differ by a param.
[[nodiscard]] std::vector<deriva::Recipe> recipes_of(const WorkGraph& graph);

/// Keeps the processor busy for so long, however often the thread is interrupted: a number of rounds that is measured
/// once.
class Work {
 public:
  explicit Work(std::uint64_t nanoseconds);
  /// The same as another process has measured.
  [[nodiscard]] static Work of_rounds(std::uint64_t rounds) noexcept;
  [[nodiscard]] std::uint64_t rounds() const noexcept { return rounds_; }
  void operator()() const noexcept;

 private:
  std::uint64_t rounds_ = 0;
};

}  // namespace bench
