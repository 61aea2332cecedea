#pragma once

#include <algorithm>
#include <utility>

#include "compute/plan.hpp"

// What every node goes through, in each of the files of the plan: a call would take longer than what is done in it
// (executor.empty.*).
namespace deriva::detail {

/// Gives the memory of a large plan back when it is done.
inline void Plan::shrink_if_empty() {
  constexpr std::size_t worth_keeping = 131'072;
  if (nodes_.in_use() == 0 && nodes_.end() > worth_keeping) shrink();
}

/// Requires: the node is unexpanded or expanding, and what it led to is in the plan.
inline void Plan::end_exploring(const Node& n) { exploring_.end(requests_[n.owner].period, kept_enough_); }

/// At which its executions are to be verified; 0: not at all.
inline float Plan::rate_of(NodeId node, const Node& n) const { return n.is_verified ? verify_rates_[node] : 0; }

/// One node less, or no longer open.
inline void Plan::leave(std::uint32_t request) {
  Request& left = requests_[request];
  if (--left.members == 0) requests_.give_back(request, left);
}

inline void Plan::set_value(Node& n, Blob&& value) {
  if (memory_.is_limited()) memory_.used += MemoryBudget::bytes_of(value.size());
  n.set_value(std::move(value));
}

/// It is about to be dropped. Requires: memory is limited.
inline void Plan::uncount_value(Node& n) {
  memory_.used -= MemoryBudget::bytes_of(n.value.size());
  memory_.is_full = false;
  n.is_written = false;
}

inline void Plan::forget(Node& n) {
  if (!n.forgotten && n.id != none) ids_.erase(n.id);
  n.forgotten = true;
}

/// Requires: its inputs are released, and nothing depends on it.
[[gnu::always_inline]] inline void Plan::free(NodeId node, Node& n) {
  forget(n);
  if (n.poisoned) poisoned_[node] = nullptr;
  if (n.is_joined) joiners_.forget(node);
  if (n.has_value && memory_.is_limited()) uncount_value(n);
  leave(n.owner);
  if (n.state == State::dropped) --dropped_;
  n.reset();
  nodes_.give_back(node, n);
}

/// Requires: it is done, and nobody is interested.
[[gnu::always_inline]] inline void Plan::give_up(NodeId node, Node& n) {
  if (n.lingers) return;
  const bool found_again = memory_.is_limited() && n.state == State::available && (!n.has_value || n.is_written);
  if (n.forgotten || found_again || !exploring_.any()) return free(node, n);
  n.lingers = true;
  exploring_.keep(node);
}

[[gnu::always_inline]] inline void Plan::release(NodeId node, Node& n) {
  if (--n.interest > 0) return;
  if (n.is_done()) {
    give_up(node, n);
  } else {
    orphans_.push_back(node);
  }
}

/// Takes back the node's interest in its inputs, and drops its params.
[[gnu::always_inline]] inline void Plan::release_inputs(Node& n) {
  PlanNode::Work& work = n.work;
  if (work.first_edge == none) return;
  const Edge* const run = edges_.run(work.first_edge);
  for (std::uint32_t i = 0; i < work.edge_count; ++i) {
    const NodeId input = run[i].input;
    if (input == none) continue;  // It failed, and the node with it.
    Node& below = nodes_[input];
    if (below.state != State::available) {
      release_unavailable(run[i], below);
    } else if (--below.interest == 0) {
      give_up(input, below);
    }
  }
  const std::size_t param_bytes = n.has_params ? EdgePool::params_of(run, work.edge_count).size() : 0;
  edges_.give_back(work.first_edge, EdgePool::length_of(work.edge_count, param_bytes));
  work.first_edge = none;
  work.edge_count = 0;
  n.has_params = false;
}

[[gnu::always_inline]] inline void Plan::push_ready(NodeId node, Node& n) {
  Request& request = requests_[n.owner];
  if (request.ready == none) {
    request.ready = queues_.take().slot;
    join_turn(to_run, n.owner);
  }
  queues_[request.ready].push(nodes_, node, n, memory_.is_limited());
  ++ready_;
}

/// Of what gets ready, the one with the longest way to go is the first to run; the others queue.
[[gnu::always_inline]] inline void Plan::make_available(NodeId node, Node& n) {
  n.state = State::available;
  ++n.interest;  // Ours, until everybody is told.
  NodeId best = none;
  Node* of_best = nullptr;
  for (std::uint32_t edge = std::exchange(n.first_dependent, none); edge != none;) {
    const Edge told = edges_[edge];
    edge = told.next;
    Node& dependent = nodes_[told.dependent];
    dependent.depth = std::max(dependent.depth, n.depth);
    if (--dependent.work.pending > 0 || dependent.state != State::waiting) continue;
    if (dependent.poisoned) {
      begin_failing(told.dependent, poisoned_[told.dependent]);
      continue;
    }
    dependent.state = State::ready;
    NodeId other = told.dependent;
    Node* of_other = &dependent;
    if (of_best == nullptr || of_best->work.path < dependent.work.path) {
      std::swap(best, other);
      std::swap(of_best, of_other);
    }
    if (of_other != nullptr) push_ready(other, *of_other);
  }
  if (best != none) fresh_.push_back(best);
  if (n.first_request != none) finish_requests(node, nullptr);
  release(node, n);
}

}  // namespace deriva::detail
