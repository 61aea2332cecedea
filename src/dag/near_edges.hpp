#pragma once

#include <cstdint>
#include <vector>

#include "dag/graph_state.hpp"
#include "storage/table_access.hpp"

namespace deriva::detail::graph {

/// Nodes that are merged at the same time: from the first of a block to before the first of a block.
struct Segment {
  Id begin;
  Id end;
};

/// Appends the blocks of a segment to the table of near edges: per node its dependents in the segment, unless they are
/// too many for a block. `edges` are `input << 32 | dependent`, sorted; those of dependents beyond the segment are left
/// out. Returns the edges that are not near, sorted.
std::vector<std::uint64_t> store_near(WriteTransaction& transaction, const TableSet& tables, const GraphState& state,
                                      Segment segment, const std::vector<std::uint64_t>& edges);

}  // namespace deriva::detail::graph
