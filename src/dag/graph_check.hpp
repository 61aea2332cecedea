#pragma once

#include <deriva/dag/dag_stats.hpp>

#include "dag/graph_view.hpp"

namespace deriva::detail::graph {

/// Compares everything that is derived with the log, and the log with itself. `Failure` with `Errc::corrupted` says
/// what does not agree. Takes 12 bytes of memory per edge and node.
void check(GraphView& view);

DagStats stats(GraphView& view);

}  // namespace deriva::detail::graph
