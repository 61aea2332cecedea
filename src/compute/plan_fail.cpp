// Failures, told to what depends on a node in slices: between two of them anything else may happen.
#include <algorithm>
#include <utility>

#include "compute/plan_inline.hpp"

namespace deriva::detail {

void Plan::fail(NodeId node, const Error& error) {
  if (nodes_[node].state == State::expanding) end_exploring(nodes_[node]);
  if (nodes_[node].state == State::running) forget_waits(node);
  if (nodes_[node].interest == 0) forget(nodes_[node]);  // It was given up, or did not try again: who comes later does.
  give_places_back(node);
  begin_failing(node, make_failure(error));
}

void Plan::expire(NodeId node, const Error& error) {
  forget(nodes_[node]);
  nodes_[node].expired = true;
  failing_.push_back({node, make_failure(error)});
}

/// Its failure is to be told. Unless what is explored may come upon it, who asks for it from now on starts afresh.
void Plan::begin_failing(NodeId node, FailuresPtr failures) {
  Node& n = nodes_[node];
  if (n.state == State::failing) return;  // Reached over two edges.
  n.state = State::failing;
  if (!n.keep_going || !exploring_.any()) forget(n);
  if (!n.expired) failing_.push_back({node, std::move(failures)});
}

void Plan::fail_further(std::size_t most) {
  while (most > 0 && has_untold()) {
    std::size_t edges = 0;
    if (has_poisoned()) {
      poison_next();
    } else {
      const Node& next = nodes_[failing_.back().node];
      if (next.first_dependent == none) edges = next.work.edge_count;
      fail_next();
    }
    most -= std::min(most, 1 + edges);
  }
  if (has_untold()) return;
  finished_.insert(finished_.end(), std::make_move_iterator(told_.begin()), std::make_move_iterator(told_.end()));
  told_.clear();
  shrink_if_empty();
}

/// Tells one dependent of the node whose turn it is, or, if all were told, ends it. Those above come before the others.
void Plan::fail_next() {
  const NodeId node = failing_.back().node;
  if (nodes_[node].first_request != none) finish_requests(node, failing_.back().failures);
  if (nodes_[node].first_dependent != none) return tell_next(node, FailuresPtr(failing_.back().failures));
  const FailuresPtr failures = std::move(failing_.back().failures);
  failing_.pop_back();
  end_failing(node, failures);
}

void Plan::tell_next(NodeId node, const FailuresPtr& failures) {
  const std::uint32_t edge = nodes_[node].first_dependent;
  Edge& told = edges_[edge];
  skip_poisoning(told);
  nodes_[node].first_dependent = told.next;
  if (told.next != none) edges_[told.next].previous = none;
  told.input = none;
  const NodeId dependent = told.dependent;
  pass_on(dependent, failures);
  Node& above = nodes_[dependent];
  if (above.keep_going && --above.work.pending == 0) begin_failing(dependent, poisoned_[dependent]);
}

/// Everybody was told.
void Plan::end_failing(NodeId node, const FailuresPtr& failures) {
  Node& n = nodes_[node];
  if (n.state == State::running) {  // Its time was over, and it is still to be answered.
    n.expired = false;
    n.interest = 0;
    return;
  }
  release_inputs(n);
  if (n.keep_going && !n.forgotten && exploring_.any()) {
    keep_failed(node, failures);
  } else {
    free(node, n);
  }
}

/// A request that keeps going may come upon the node again.
void Plan::keep_failed(NodeId node, const FailuresPtr& failures) {
  Node& n = nodes_[node];
  n.work = PlanNode::Work();
  n.state = State::failed;
  n.poisoned = true;
  n.interest = 0;
  poisoned_.at(node) = failures;
  give_up(node, n);
}

/// An input of the dependent failed.
void Plan::pass_on(NodeId dependent, const FailuresPtr& failures) {
  if (!nodes_[dependent].keep_going) return begin_failing(dependent, failures);
  if (!nodes_[dependent].poisoned) return poison(dependent, failures);
  FailuresPtr& known = poisoned_[dependent];
  known = merge(known, failures);
}

/// Below this node, which keeps going, something failed: those above that do not keep going are told before it fails.
void Plan::poison(NodeId node, const FailuresPtr& failures) {
  nodes_[node].poisoned = true;
  poisoned_.at(node) = failures;
  finish_requests(node, failures, true);
  nodes_[node].poisoning = true;
  poisoning_.push_back(node);
}

/// Tells one node above.
void Plan::poison_next() {
  if (poison_edge_ == none) {
    const NodeId node = poisoning_.back();
    poisoning_.pop_back();
    Node& n = nodes_[node];
    n.poisoning = false;
    if (n.state == State::dropped) return free(node, n);
    poison_edge_ = n.first_dependent;
    return;
  }
  const Edge& edge = edges_[poison_edge_];
  poison_edge_ = edge.next;
  const NodeId dependent = edge.dependent;
  if (nodes_[dependent].poisoned) return;
  const FailuresPtr failures = poisoned_[edge.input];
  pass_on(dependent, failures);
}

/// The edge is about to leave its list.
void Plan::skip_poisoning(const Edge& edge) {
  if (poison_edge_ != none && &edges_[poison_edge_] == &edge) poison_edge_ = edge.next;
}

}  // namespace deriva::detail
