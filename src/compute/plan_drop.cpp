#include <algorithm>

#include "compute/plan.hpp"

namespace deriva::detail {

// --- Failing

void Plan::fail(NodeId node, const Error& error) {
  if (nodes_[node].state == State::expanding) end_exploring(node);
  if (nodes_[node].state == State::running) forget_waits(node);
  give_places_back(node);
  failing_.push_back({node, make_failure(error)});
  fail_all();
  shrink_if_empty();
}

void Plan::fail_all() {
  while (!failing_.empty()) {
    const Failing next = std::move(failing_.back());
    failing_.pop_back();
    fail_one(next);
  }
}

void Plan::fail_one(const Failing& failing) {
  Node& n = nodes_[failing.node];
  if (n.state == State::gone || n.state == State::failed) return;  // Reached over two edges.
  tell_failure(failing.node, failing.failures);
  release_inputs(failing.node);
  if (n.keep_going && !n.forgotten && exploring_.any()) {
    keep_failed(failing);
  } else {
    free(failing.node);
  }
}

/// A request that keeps going may come upon the node again.
void Plan::keep_failed(const Failing& failing) {
  Node& n = nodes_[failing.node];
  n.work = PlanNode::Work();
  n.state = State::failed;
  n.poisoned = true;
  n.interest = 0;
  poisoned_.insert_or_assign(failing.node, failing.failures);
  give_up(failing.node);
}

/// Finishes the requests for a node that fails, and passes the failure on to what depends on it.
void Plan::tell_failure(NodeId node, const FailuresPtr& failures) {
  finish_requests(node, failures);
  for (std::uint32_t edge = std::exchange(nodes_[node].first_dependent, none); edge != none;) {
    Edge& told = edges_[edge];
    edge = told.next;
    told.input = none;
    pass_on(told.dependent, failures);
    Node& dependent = nodes_[told.dependent];
    if (dependent.keep_going && --dependent.work.pending == 0) {
      failing_.push_back({told.dependent, poisoned_.at(told.dependent)});
    }
  }
}

/// An input of the dependent failed.
void Plan::pass_on(NodeId dependent, const FailuresPtr& failures) {
  if (nodes_[dependent].keep_going) {
    poison(dependent, failures);
  } else {
    failing_.push_back({dependent, failures});
  }
}

void Plan::expire(NodeId node, const Error& error) {
  forget(node);
  tell_failure(node, make_failure(error));
  nodes_[node].interest = 0;
  fail_all();
}

/// Below this node, which keeps going, something failed: those above that do not keep going are told at once.
void Plan::poison(NodeId node, const FailuresPtr& failures) {
  visit_.assign(1, node);
  while (!visit_.empty()) {
    const NodeId next = visit_.back();
    visit_.pop_back();
    Node& n = nodes_[next];
    if (n.poisoned) {
      FailuresPtr& known = poisoned_.at(next);
      if (next == node) known = merge(known, failures);
      continue;
    }
    n.poisoned = true;
    poisoned_.emplace(next, failures);
    finish_requests(next, failures, true);
    for (std::uint32_t edge = n.first_dependent; edge != none; edge = edges_[edge].next) {
      const NodeId dependent = edges_[edge].dependent;
      if (nodes_[dependent].keep_going) {
        visit_.push_back(dependent);
      } else {
        failing_.push_back({dependent, failures});
      }
    }
  }
}

// --- Interest

void Plan::release(NodeId node) {
  Node& n = nodes_[node];
  if (--n.interest > 0) return;
  if (n.is_done()) {
    give_up(node);
  } else {
    orphans_.push_back(node);
  }
}

/// Requires: it is done, and nobody is interested.
void Plan::give_up(NodeId node) {
  Node& n = nodes_[node];
  if (n.lingers) return;
  const bool found_again = memory_.is_limited() && n.state == State::available && (!n.has_value || n.is_written);
  if (n.forgotten || found_again || !exploring_.any()) return free(node);
  n.lingers = true;
  exploring_.keep(node);
}

/// Takes back the node's interest in its inputs, and drops its params.
void Plan::release_inputs(NodeId node) {
  PlanNode::Work& work = nodes_[node].work;
  if (work.first_edge == none) return;
  const Edge* const run = edges_.run(work.first_edge);
  for (std::uint32_t i = 0; i < work.edge_count; ++i) {
    const NodeId input = run[i].input;
    if (input == none) continue;  // It failed, and the node with it.
    if (nodes_[input].state != State::available) unlink(run[i]);
    release(input);
  }
  edges_.give_back(work.first_edge, EdgePool::length_of(work.edge_count, work.param_bytes));
  work.first_edge = none;
  work.edge_count = 0;
  work.param_bytes = 0;
}

void Plan::unlink(const Edge& removed) {
  if (removed.next != none) edges_[removed.next].previous = removed.previous;
  if (removed.previous != none) {
    edges_[removed.previous].next = removed.next;
  } else {
    nodes_[removed.input].first_dependent = removed.next;
  }
}

void Plan::unpin(NodeId node) {
  release(node);
  shrink_if_empty();
}

void Plan::sweep(std::size_t most) {
  flush_fresh();
  for (; most > 0 && !kept_enough_.empty(); --most) {
    const NodeId node = kept_enough_.back();
    kept_enough_.pop_back();
    nodes_[node].lingers = false;
    if (nodes_[node].interest == 0) free(node);
  }
  for (; most > 0 && !orphans_.empty(); --most) {
    const NodeId node = orphans_.back();
    orphans_.pop_back();
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
      break;  // The worker's report frees it.
    case State::running:
      if (!n.stoppable || n.forgotten) break;
      forget(node);
      abandoned_.push_back(node);
      break;
    case State::unexpanded:
    case State::ready:
      release_inputs(node);
      forget(node);
      ++dropped_;
      n.state = State::dropped;  // Freed when the queue comes to it.
      break;
    case State::waiting:
      release_inputs(node);
      free(node);
      break;
  }
}

void Plan::forget(NodeId node) {
  Node& n = nodes_[node];
  if (!n.forgotten && n.id != none) ids_.erase(n.id);
  n.forgotten = true;
}

/// Requires: its inputs are released, and nothing depends on it.
void Plan::free(NodeId node) {
  forget(node);
  Node& n = nodes_[node];
  if (n.poisoned) poisoned_.erase(node);
  if (n.has_value) {
    drop_value(node);
  } else {
    n.work = PlanNode::Work();
  }
  leave(n.owner);
  if (n.state == State::dropped) --dropped_;
  n.state = State::gone;
  n.id = none;
  n.interest = 0;
  n.depth = 0;
  n.first_request = none;
  n.stoppable = n.forgotten = n.keep_going = n.forced = n.forces_inputs = n.poisoned = n.lingers = n.waits_for_place =
      false;
  nodes_.give_back(node);
}

/// Gives the memory of a large plan back when it is done.
void Plan::shrink_if_empty() {
  constexpr std::size_t worth_keeping = 131'072;
  if (nodes_.in_use() > 0 || nodes_.end() <= worth_keeping) return;
  nodes_.clear();
  addresses_.clear();
  edges_.clear();
  ids_.clear();
  queues_.clear();
  orphans_ = {};
  kept_enough_ = {};
  fresh_ = {};
  visit_ = {};
}

}  // namespace deriva::detail
