#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "compute/plan_node.hpp"
#include "compute/slab.hpp"

namespace deriva::detail {

struct NumberedNode {
  std::uint32_t node;
  PlanNode& n;
};

/// Nodes, first come, first served; linked by their `next`.
struct NodeQueue {
  std::uint32_t first = none;
  std::uint32_t last = none;

  [[nodiscard]] bool empty() const noexcept { return first == none; }
  void push(Slab<PlanNode>& nodes, std::uint32_t node, PlanNode& n) noexcept {
    n.next = none;
    (first == none ? first : nodes[last].next) = node;
    last = node;
  }
  void push_front(std::uint32_t node, PlanNode& n) noexcept {
    n.next = first;
    if (first == none) last = node;
    first = node;
  }
  /// Requires: not empty.
  NumberedNode pop(Slab<PlanNode>& nodes) noexcept {
    const NumberedNode popped{first, nodes[first]};
    first = popped.n.next;
    if (first != none) __builtin_prefetch(&nodes[first]);  // executor.empty.chain: 4 % faster.
    return popped;
  }
  /// If it is there. Complexity: linear.
  void remove(Slab<PlanNode>& nodes, std::uint32_t node) noexcept {
    std::uint32_t before = none;
    for (std::uint32_t at = first; at != none; before = std::exchange(at, nodes[at].next)) {
      if (at != node) continue;
      (before == none ? first : nodes[before].next) = nodes[node].next;
      if (last == node) last = before;
      return;
    }
  }
};

/// Ready nodes, the longest way to go first; those whose ways differ by less than an eighth count as equal, and come
/// first come, first served. Constant time.
class ReadyQueue {
 public:
  std::uint32_t next = none;  ///< If it is unused.

  static constexpr std::size_t levels = 256;

  /// Which of the levels a way of so many nanoseconds is: eight to a factor of two, from 16 ns to 64 s.
  static std::uint32_t level_of(float path) noexcept {
    constexpr std::uint32_t first = (127U + 4U) << 3U;
    const std::uint32_t steps = std::bit_cast<std::uint32_t>(path) >> 20U;
    return steps <= first ? 0 : std::min<std::uint32_t>(steps - first, levels - 1);
  }

  [[nodiscard]] bool empty() const noexcept { return (used_[0] | used_[1] | used_[2] | used_[3]) == 0; }
  /// `turned`: the shortest way first, and of equal ones what came last, if all are pushed like that.
  void push(Slab<PlanNode>& nodes, std::uint32_t node, PlanNode& n, bool turned = false) noexcept {
    const std::uint32_t longest = level_of(n.work.path);
    const std::uint32_t level = turned ? levels - 1 - longest : longest;
    std::uint64_t& word = used_[level / 64];
    const std::uint64_t bit = std::uint64_t{1} << (level % 64);
    if ((word & bit) == 0) queues_[level] = {};
    word |= bit;
    turned ? queues_[level].push_front(node, n) : queues_[level].push(nodes, node, n);
  }
  /// Requires: not empty.
  NumberedNode pop(Slab<PlanNode>& nodes) noexcept {
    std::size_t word = used_.size() - 1;
    while (used_[word] == 0) --word;
    const auto bit = static_cast<std::size_t>(63 - std::countl_zero(used_[word]));
    NodeQueue& queue = queues_[word * 64 + bit];
    const NumberedNode popped = queue.pop(nodes);
    if (queue.empty()) used_[word] &= ~(std::uint64_t{1} << bit);
    return popped;
  }

 private:
  std::array<std::uint64_t, levels / 64> used_{};
  std::array<NodeQueue, levels> queues_;  ///< Those in use.
};

}  // namespace deriva::detail
