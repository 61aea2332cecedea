#pragma once

#include <deriva/dag/dag_stats.hpp>

#include "dag/graph_view.hpp"

namespace deriva::detail::graph {

// Changes of the whole graph, each in one transaction: readers go on with what they see, and a crash leaves either what
// was or what is to be. The caller stores the changed state.

/// Writes the graph anew into the other set of tables: without removed nodes and inputs that nobody has any more, with
/// ids in topological order, pages full; then empties the first set. Takes about 12 bytes of memory per node and edge.
DagCompaction compact(WriteTransaction& transaction, const GraphTables& tables, GraphView& view, GraphState& state);

/// Makes index and reverse from the log.
void rebuild_indexes(WriteTransaction& transaction, const GraphTables& tables, GraphState& state);

using detail::clear;
/// Makes the graph an empty one, with the same seed and size of keys.
void clear(WriteTransaction& transaction, const GraphTables& tables, GraphState& state);

}  // namespace deriva::detail::graph
