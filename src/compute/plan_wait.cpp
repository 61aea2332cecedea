// Running nodes whose functions wait for other values.
#include <algorithm>

#include <fmt/format.h>

#include "compute/plan_inline.hpp"
#include "dag/two_way_search.hpp"

namespace deriva::detail {

void Plan::begin_wait(std::uint32_t request) {
  const NodeId node = requests_[request].waiter;
  waits_[node].push_back(request);
  unchecked_waits_.push_back(requests_[request].id);
  if (++nodes_[node].work.pending == 1) give_places_back(node);
}

/// The last wait that ends is for the places. One that was forgotten is to end: it goes on without.
void Plan::end_wait(NodeId node, std::uint32_t request) {
  const auto waits = waits_.find(node);
  std::erase(waits->second, request);
  if (waits->second.empty()) waits_.erase(waits);
  Node& n = nodes_[node];
  if (--n.work.pending == 0 && !n.forgotten && !n.waits_for_place) n.waits_for_place = !take_places(node);
}

/// A place is free, and the node was the next to get it. Returns whether it took it.
bool Plan::go_on(NodeId node) {
  Node& n = nodes_[node];
  n.waits_for_place = n.work.pending == 0 && !take_places(node);
  if (!n.waits_for_place) resumed_.push_back(node);
  return n.has_places;
}

/// The function has ended, and with it what it waits for: only a part of it that it did not wait for can be left. Or it
/// was taken along, and dropped before its inputs were there.
void Plan::forget_waits(NodeId node) {
  Node& n = nodes_[node];
  if (n.work.pending > 0) {
    if (const auto waits = waits_.find(node); waits != waits_.end()) {
      for (const std::uint32_t request : waits->second) requests_[request].waiter = none;
      waits_.erase(waits);
    }
    n.work.pending = 0;
  }
  if (!n.waits_for_place) return;
  n.waits_for_place = false;
  for (const std::uint32_t limit : functions_[n.work.function].limits) limits_[limit].waiting.remove(nodes_, node);
}

// --- Cycles
//
// Recipes form no cycle, so every cycle has a wait in it. It is closed by a wait or by an edge of a node that is being
// explored; so a wait is checked once, when nothing is left to explore: later edges lie below later waits.

void Plan::check_waits(FunctionRef<Address(StoreId)> address_of) {
  for (const RequestId id : std::exchange(unchecked_waits_, {})) {
    const auto found = request_slots_.find(id);
    if (found == request_slots_.end() || requests_[found->second].waiter == none) continue;
    const std::vector<NodeId> cycle = find_cycle(requests_[found->second]);
    if (!cycle.empty()) fail_wait(found->second, cycle, address_of);
  }
  shrink_if_empty();
}

std::vector<NodeId> Plan::find_cycle(const Request& wait) {
  const auto below = [&](NodeId node, const auto& visit) {
    const Node& n = nodes_[node];
    if (n.has_value) return;
    for (std::uint32_t i = 0; i < n.work.edge_count; ++i) {
      const NodeId input = edges_[n.work.first_edge + i].input;
      if (input != none && nodes_[input].state != State::available) visit(input);
    }
    if (const auto waits = waits_.find(node); waits != waits_.end()) {
      for (const std::uint32_t request : waits->second) visit(requests_[request].target);
    }
  };
  const auto above = [&](NodeId node, const auto& visit) {
    const Node& n = nodes_[node];
    for (std::uint32_t edge = n.first_dependent; edge != none; edge = edges_[edge].next) visit(edges_[edge].dependent);
    for (std::uint32_t at = n.first_request; at != none; at = requests_[at].next_on_target) {
      if (requests_[at].waiter != none) visit(requests_[at].waiter);
    }
  };
  return detail::find_cycle(wait.waiter, {&wait.target, 1}, below, above);
}

void Plan::fail_wait(std::uint32_t request, std::span<const NodeId> cycle, FunctionRef<Address(StoreId)> address_of) {
  std::vector<Address> path;
  for (const NodeId node : cycle) {
    if (const StoreId id = store_id(node); id != none) path.push_back(address_of(id));
  }
  Error error(Errc::cycle,
              fmt::format("the function asks for what depends on its value, {} steps away", cycle.size() - 1));
  if (!path.empty()) error = error.with_address(path.front()).with_path<Address>(path);
  const RequestId id = requests_[request].id;
  drop_request(id);
  finished_.push_back({id, make_failure(error), std::nullopt});
}

}  // namespace deriva::detail
