#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "dag/block.hpp"

namespace deriva::detail::graph {

/// Edges in memory, from an input to those that depend on it: one flat array of edges, linked per input, and one flat
/// hash table of inputs. Keeps the order in which the dependents of an input were added.
class EdgeMap {
 public:
  bool empty() const noexcept { return edges_.empty(); }
  void clear() noexcept;
  /// Makes room for so many edges at once.
  void reserve(std::size_t edges);

  /// All edges of a dependent are added in one go; repetitions are left out.
  void add(Id input, Id dependent);
  /// Whether the edge was there.
  bool remove(Id input, Id dependent);

  template <class Visit>
  bool for_each(Id input, Visit&& visit) const {
    return slots_.empty() || for_each_in(slots_[slot_of(input)], visit);
  }

  /// Appends every edge as `input << 32 | dependent`, in no order.
  void collect(std::vector<std::uint64_t>& out) const;

 private:
  static constexpr std::uint32_t none = ~std::uint32_t{0};
  struct Edge {
    Id dependent;
    std::uint32_t next;  // the last one of an input leads to its first
  };
  struct Slot {
    Id input = none;
    std::uint32_t last = none;
  };

  template <class Visit>
  bool for_each_in(const Slot& slot, Visit&& visit) const {
    if (slot.last == none) return true;
    for (std::uint32_t at = edges_[slot.last].next;; at = edges_[at].next) {
      if (!visit(edges_[at].dependent)) return false;
      if (at == slot.last) return true;
    }
  }

  std::size_t slot_of(Id input) const noexcept {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = (input * std::size_t{0x9e3779b1U} >> 7U) & mask;
    while (slots_[at].input != input && slots_[at].input != none) at = (at + 1) & mask;
    return at;
  }
  void resize(std::size_t slots);

  std::vector<Slot> slots_;  // a power of two, at most three quarters used
  std::vector<Edge> edges_;
  std::size_t inputs_ = 0;
};

}  // namespace deriva::detail::graph
