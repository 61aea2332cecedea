#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "compute/plan.hpp"
#include "compute/plan_inline.hpp"

// Exploring, in line with who looks the nodes up: of what is done for a node, half would be calls (executor.empty.*).
namespace deriva::detail {

template <class Take>
void Plan::expand(std::size_t most, Take&& take) {
  constexpr std::size_t turn = 64;  // Nodes of one request, before it is another one's turn.
  for (bool goes_on = true; goes_on && most > 0 && expansions_ > 0;) {
    const std::uint32_t slot = pick(to_expand);
    if (slot == none) return;
    Request& request = requests_[slot];  // Nobody takes the slot meanwhile, even if its last node goes.
    for (std::size_t i = 0; i < turn && goes_on && most > 0 && !request.unexpanded.empty(); ++i, --most) {
      const auto [node, n] = request.unexpanded.pop(nodes_);
      --expansions_;
      if (is_unwanted(n)) {
        end_exploring(n);
        free(node, n);
      } else {
        n.state = State::expanding;
        goes_on = take(Expansion{node, n.id, n.forced, request.id, &n, &request});
      }
    }
    request.expands = !request.unexpanded.empty();
    next_turn(to_expand, slot, request.expands);
  }
}

[[gnu::always_inline]] inline void Plan::set_recipe(const Expansion& expansion, const Found& found) {
  link_inputs(expansion.node, *expansion.n, *expansion.request, found);
}

inline void Plan::link_inputs(NodeId node, Node& n, Request& request, const Found& found) {
  if (n.interest == 0) {
    end_exploring(n);
    free(node, n);
    return shrink_if_empty();
  }
  n.state = State::waiting;
  n.next = 0;
  n.reason = found.reason;
  PlanNode::Work& work = n.work;
  work.function = found.function;
  constexpr float unknown_cost = 1'000;
  const float average = functions_[found.function].average;
  work.cost = found.cost > 0 ? found.cost : average > 0 ? average : unknown_cost;
  work.path += work.cost;
  const auto count = static_cast<std::uint32_t>(found.inputs.size());
  work.edge_count = count;
  n.has_params = !found.params.empty();
  if (const std::uint32_t length = EdgePool::length_of(count, found.params.size()); length > 0) {
    work.first_edge = edges_.take(length);
    Edge* const run = edges_.run(work.first_edge);
    if (n.has_params) EdgePool::put_params(run, count, found.params);
    const std::uint32_t owner = n.owner;
    const Recompute below = n.forces_inputs ? Recompute::everything : Recompute::nothing;
    for (std::uint32_t i = 0; i < count; ++i) {
      const NumberedNode input = intern(found.inputs[i], owner, request, below);
      link(work.first_edge + i, run[i], input, node, n);
    }
  }
  exploring_.end(request.period, kept_enough_);
  if (work.pending > 0) return;
  if (n.poisoned) begin_failing(node, poisoned_[node]);
  if (n.state == State::waiting) make_ready(node, n);
}

/// The node of an id; if there is none, a new one, which the request `slot` brings in.
[[gnu::always_inline]] inline NumberedNode Plan::intern(StoreId id, std::uint32_t slot, Request& request,
                                                        Recompute recompute) {
  std::uint32_t& entry = ids_.at(id);
  if (entry != none) {
    // What is done is computed again if that was asked for, but once; whoever has the value keeps it.
    Node& known = nodes_[entry];
    const bool is_redone = known.forced && known.owner == slot;
    if (recompute == Recompute::nothing || !known.is_done() || is_redone) {
      if (known.owner != slot) meet(entry, slot);
      return {entry, known};
    }
    forget(known);
  }
  const auto [node, n] = nodes_.take();
  entry = node;
  n.id = id;
  n.owner = slot;
  n.state = State::unexpanded;
  if (recompute != Recompute::nothing) {
    n.forced = true;
    n.forces_inputs = recompute == Recompute::everything;
  }
  ++request.members;
  exploring_.begin(request.period);
  to_be_expanded(node, n, request, memory_.is_limited());
  return {node, n};
}

/// First come, first served: what is wanted together is found, kept and run together, and lies together in memory
/// (executor.empty.layered: a sixth faster than last come, first served). If memory is limited, what comes last goes
/// first: it leads soonest to something that can run.
inline void Plan::to_be_expanded(NodeId node, Node& n, Request& request, bool first) {
  if (!std::exchange(request.expands, true)) join_turn(to_expand, n.owner);
  first ? request.unexpanded.push_front(node, n) : request.unexpanded.push(nodes_, node, n);
  ++expansions_;
}

[[gnu::always_inline]] inline void Plan::link(std::uint32_t number, Edge& edge, const NumberedNode& input,
                                              NodeId dependent, Node& above) {
  Node& below = input.n;
  if (below.state == State::failed) {
    edge = {none, dependent, none, none};
    return pass_on(dependent, FailuresPtr(poisoned_[input.node]));
  }
  ++below.interest;
  if (below.state == State::available) {
    edge = {input.node, dependent, none, none};
    return;
  }
  ++above.work.pending;
  edge = {input.node, dependent, below.first_dependent, none};
  if (below.first_dependent != none) edges_[below.first_dependent].previous = number;
  below.first_dependent = number;
  if (above.is_verified || (above.keep_going && !below.keep_going)) {
    raise(input.node, rate_of(dependent, above), above.keep_going);
  }
  if (below.state == State::unexpanded || below.state == State::expanding) {
    below.work.path = std::max(below.work.path, above.work.path);
  } else if (below.state == State::waiting) {
    raise_path(input.node, above.work.path);
  }
}

}  // namespace deriva::detail
