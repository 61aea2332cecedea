#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <deriva/dag/detail/graph_engine.hpp>
#include <deriva/storage/function_ref.hpp>

#include "dag/graph_view.hpp"

// Questions that follow more than one edge. Nothing recurses. As long as no edge runs to a higher id, the order of ids
// is a topological one, and walks are sweeps over a bitmap; otherwise they are ordinary searches.

namespace deriva::detail::graph {

/// Called for each node of an answer, in order; returns whether to go on.
using VisitId = FunctionRef<bool(Id)>;

/// Called once, before the first visit, with the number of visits at most.
using ExpectIds = FunctionRef<void(std::size_t)>;

/// Visits everything that depends on `root`, without `root`: each once, after those of the set that it depends on.
void visit_dependents(GraphView& view, Id root, ExpectIds expect, KeyBlockVisitor visit);

/// Visits the entries that `target` needs, inputs before dependents, `target` last. Leaves are left out.
void visit_needed(GraphView& view, Id target, ExpectIds expect, KeyBlockVisitor visit);

/// Edges on the longest way from `id` down.
std::uint32_t depth(GraphView& view, Id id);

/// Visits every live node, inputs before dependents, when ids are not in this order already.
void visit_sorted(GraphView& view, VisitId visit);

}  // namespace deriva::detail::graph
