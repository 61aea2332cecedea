#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "dag/block.hpp"
#include "dag/edge_map.hpp"

namespace deriva::detail::graph {

/// What index and reverse know of the merged nodes, in memory for those that are not merged yet: a range of ids, a hash
/// table of them, and the edges to their inputs. Hash table and edges may lag behind each other.
class Tail {
 public:
  void reset(Id first) noexcept;

  Id first() const noexcept { return first_; }
  /// Ids from `first()` to below this are in the hash table.
  Id end() const noexcept { return first_ + static_cast<Id>(hashes_.size()); }
  std::uint32_t hash_of(Id id) const noexcept { return hashes_[id - first_]; }

  /// Makes room for so many nodes at once.
  void reserve(std::size_t nodes);
  /// Adds the node `end()`.
  void add(std::uint32_t hash);

  /// Calls `visit(Id)` for nodes whose keys have this hash, until it returns false.
  template <class Visit>
  bool for_each_with_hash(std::uint32_t hash, Visit&& visit) const {
    if (slots_.empty()) return true;
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t at = hash & mask; slots_[at] != 0; at = (at + 1) & mask) {
      const std::uint32_t node = slots_[at] - 1;
      if (hashes_[node] == hash && !visit(first_ + node)) return false;
    }
    return true;
  }

  /// The edges of nodes from `first()` to below `edges_end`.
  EdgeMap edges;
  Id edges_end = 0;

 private:
  void place(std::uint32_t node) noexcept;

  Id first_ = 0;
  std::vector<std::uint32_t> hashes_;
  std::vector<std::uint32_t> slots_;  // node + 1, or 0; a power of two, at most half used
};

}  // namespace deriva::detail::graph
