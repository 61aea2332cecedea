#include <algorithm>

#include "compute/plan_inline.hpp"

namespace deriva::detail {

// --- Interest

void Plan::unlink(const Edge& removed) {
  skip_poisoning(removed);
  if (removed.next != none) edges_[removed.next].previous = removed.previous;
  if (removed.previous != none) {
    edges_[removed.previous].next = removed.next;
  } else {
    nodes_[removed.input].first_dependent = removed.next;
  }
}

void Plan::release_unavailable(const Edge& edge, Node& input) {
  unlink(edge);
  release(edge.input, input);
}

void Plan::unpin(NodeId node) {
  release(node, nodes_[node]);
  shrink_if_empty();
}

void Plan::sweep(std::size_t most) {
  flush_fresh();
  for (; most > 0 && !kept_enough_.empty(); --most) {
    const NodeId node = kept_enough_.back();
    kept_enough_.pop_back();
    nodes_[node].lingers = false;
    if (nodes_[node].interest == 0) free(node, nodes_[node]);
  }
  while (most > 0 && !orphans_.empty()) {
    const NodeId node = orphans_.back();
    orphans_.pop_back();
    const std::size_t edges = nodes_[node].has_value ? 0 : nodes_[node].work.edge_count;
    most -= std::min(most, 1 + edges);
    if (nodes_[node].interest == 0) abandon(node);  // Else somebody came, or the number names another one.
  }
  shrink_if_empty();
}

/// Requires: nobody is interested.
void Plan::abandon(NodeId node) {
  Node& n = nodes_[node];
  switch (n.state) {
    case State::gone:
    case State::dropped:
    case State::available:
    case State::failed:
    case State::expanding:
    case State::failing:
      break;  // The worker's report frees it, or `fail_further`.
    case State::running:
      if (!n.stoppable || n.forgotten) break;
      forget(n);
      abandoned_.push_back(node);
      break;
    case State::unexpanded:
    case State::ready:
      drop(node);
      break;
    case State::waiting:
      if (n.poisoning) return drop(node);
      release_inputs(n);
      free(node, n);
      break;
  }
}

/// Frees it as far as that is possible before the queue comes to it.
void Plan::drop(NodeId node) {
  Node& n = nodes_[node];
  release_inputs(n);
  forget(n);
  ++dropped_;
  n.state = State::dropped;
}

void Plan::shrink() {
  nodes_.clear();
  edges_.clear();
  ids_.clear();
  queues_.clear();
  pages_.clear();
  poisoned_.clear();
  verify_rates_.clear();
  orphans_ = {};
  kept_enough_ = {};
  fresh_ = {};
  visit_ = {};
}

}  // namespace deriva::detail
