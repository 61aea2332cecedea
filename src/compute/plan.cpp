#include "compute/plan.hpp"

#include <algorithm>

#include "compute/plan_expand.hpp"
#include "compute/plan_inline.hpp"

namespace deriva::detail {
namespace {

/// The lowest priority gets one turn in so many, whoever else waits.
constexpr std::uint32_t ageing = 16;

}  // namespace

// --- Requests

void Plan::add_request(const Wish& wish) {
  const auto [slot, request] = requests_.take();
  request_slots_.emplace(wish.id, slot);
  request = Request{};
  request.id = wish.id;
  request.priority = wish.priority;
  request.keep_going = wish.keep_going;
  request.period = exploring_.current();
  request.open = true;
  request.members = 1;
  const std::uint32_t owner = wish.waiter == none ? slot : nodes_[wish.waiter].owner;
  const auto [node, n] = intern(wish.target, owner, requests_[owner], wish.recompute);
  raise(node, static_cast<float>(wish.verify_rate), wish.keep_going);
  ++n.interest;
  request.target = node;
  request.next_on_target = std::exchange(n.first_request, slot);
  if (n.state == State::available) {
    finish_requests(node, nullptr);
  } else if (n.state == State::failed) {
    finish_requests(node, poisoned_[node]);
    release(node, n);
  } else if (n.poisoned && !wish.keep_going) {
    finish_requests(node, poisoned_[node], true);
  } else if (wish.waiter != none) {
    request.waiter = wish.waiter;
    begin_wait(slot);
  }
}

bool Plan::drop_request(RequestId request) {
  const auto found = request_slots_.find(request);
  if (found == request_slots_.end()) return false;
  const std::uint32_t slot = found->second;
  const NodeId node = requests_[slot].target;
  std::uint32_t* link = &nodes_[node].first_request;
  while (*link != slot) link = &requests_[*link].next_on_target;
  *link = requests_[slot].next_on_target;
  if (requests_[slot].waiter != none) end_wait(requests_[slot].waiter, slot);
  leave_request(slot);
  release(node, nodes_[node]);
  shrink_if_empty();
  return true;
}

/// The request is over; its slot goes with the last of its nodes.
void Plan::leave_request(std::uint32_t slot) {
  Request& request = requests_[slot];
  request_slots_.erase(request.id);
  request.id = 0;
  request.open = false;
  leave(slot);
}

/// Of a node that failed, those that do not keep going may be told before the others. While failures are being told,
/// hosts do not learn of them: they might ask again, and come upon what is yet to fail.
void Plan::finish_requests(NodeId node, const FailuresPtr& failures, bool only_impatient) {
  std::uint32_t slot = std::exchange(nodes_[node].first_request, none);
  while (slot != none) {
    const Request request = requests_[slot];
    if (only_impatient && request.keep_going) {
      requests_[slot].next_on_target = std::exchange(nodes_[node].first_request, slot);
    } else {
      std::vector<Finished>& finished = failures && has_failing() ? told_ : finished_;
      finished.push_back({request.id, failures, std::nullopt, nodes_[node].depth});
      if (!failures && nodes_[node].has_value) finished.back().value = nodes_[node].value;
      if (request.waiter != none) end_wait(request.waiter, slot);
      leave_request(slot);
      if (!failures || only_impatient) release(node, nodes_[node]);  // A failed node is freed as a whole.
    }
    slot = request.next_on_target;
  }
}

void Plan::take_finished(std::vector<Finished>& out) {
  out.insert(out.end(), std::make_move_iterator(finished_.begin()), std::make_move_iterator(finished_.end()));
  finished_.clear();
}

void Plan::take_met(std::vector<Joined>& joined, std::vector<RequestId>& reused) {
  joined.insert(joined.end(), joined_.begin(), joined_.end());
  reused.insert(reused.end(), reused_.begin(), reused_.end());
  joined_.clear();
  reused_.clear();
}

// --- Taking turns

/// Joins the others as the last one; to run, one time in so many as the first, if less was run of it than of the one
/// that is: what is small gets a little more than its share, so that beside a large request it is done within twice its
/// time, whatever it costs to take turns (executor.fair.small.*.50us).
void Plan::join_turn(Turn turn, std::uint32_t request) {
  constexpr std::uint32_t favoured = 8;
  Request& joining = requests_[request];
  Turns& turns = turns_[turn][static_cast<std::size_t>(joining.priority)];
  const bool has_had_less = turn == to_run && turns.first != none && joining.jobs < requests_[turns.first].jobs;
  if (has_had_less && ++joining.turns % favoured == 0) {
    joining.next_in_turn[turn] = std::exchange(turns.first, request);
    return;
  }
  joining.next_in_turn[turn] = none;
  (turns.first == none ? turns.first : requests_[turns.last].next_in_turn[turn]) = request;
  turns.last = request;
}

/// The request whose turn it is, or `none`. While failures are told and orphans freed, what is over comes last: its
/// nodes may be among them.
std::uint32_t Plan::pick(Turn turn) {
  const bool lowest_first = ++picks_ % ageing == 0;
  for (std::size_t i = 0; i < priorities; ++i) {
    Turns& turns = turns_[turn][lowest_first ? i : priorities - 1 - i];
    if (turns.first == none) continue;
    if (requests_[turns.first].open || !has_rubbish()) return turns.first;
    const std::uint32_t last = turns.last;
    while (!requests_[turns.first].open && turns.first != last) next_turn(turn, turns.first, true);
    if (requests_[turns.first].open) return turns.first;
  }
  return none;
}

/// Takes a request out that takes turns. Complexity: linear in those before it.
void Plan::leave_turn(Turn turn, std::uint32_t request) {
  const Request& leaving = requests_[request];
  Turns& turns = turns_[turn][static_cast<std::size_t>(leaving.priority)];
  std::uint32_t before = none;
  for (std::uint32_t at = turns.first; at != request; at = requests_[at].next_in_turn[turn]) before = at;
  (before == none ? turns.first : requests_[before].next_in_turn[turn]) = leaving.next_in_turn[turn];
  if (turns.last == request) turns.last = before;
}

/// Requires: it was the request's turn; others may have come to stand before it meanwhile.
void Plan::next_turn(Turn turn, std::uint32_t request, bool has_more) {
  const Turns& turns = turns_[turn][static_cast<std::size_t>(requests_[request].priority)];
  if (has_more && turns.first == turns.last) return;
  leave_turn(turn, request);
  if (has_more) join_turn(turn, request);
}

// --- Expansion

/// The request wants a node that is there already. What another one has brought in becomes as urgent as this one.
void Plan::meet(NodeId node, std::uint32_t request) {
  Node& n = nodes_[node];
  if (n.owner == request || !requests_[request].open || n.state == State::failed) return;
  if (n.state == State::available) {
    reused_.push_back(requests_[request].id);
    ++requests_[request].members;  // It is counted once: from now on it is this request's.
    leave(std::exchange(n.owner, request));
    return;
  }
  if (joiners_.add(node, requests_[request].id)) joined_.push_back({requests_[request].id, node});
  n.is_joined = true;
  if (requests_[n.owner].priority < requests_[request].priority) {
    set_priority(n.owner, requests_[request].priority);
  }
}

/// Complexity: linear in the requests that take turns with it.
void Plan::set_priority(std::uint32_t request, Priority priority) {
  Request& changed = requests_[request];
  const std::array<bool, 2> takes_turns{changed.expands, changed.ready != none};
  for (const Turn turn : {to_expand, to_run}) {
    if (takes_turns[turn]) leave_turn(turn, request);
  }
  changed.priority = priority;
  for (const Turn turn : {to_expand, to_run}) {
    if (takes_turns[turn]) join_turn(turn, request);
  }
}

void Plan::take_expansions(std::size_t most, std::vector<Expansion>& out) {
  expand(most, [&](const Expansion& expansion) { return out.push_back(expansion), true; });
}

void Plan::retry(NodeId node) {
  Node& n = nodes_[node];
  n.state = State::unexpanded;
  to_be_expanded(node, n, requests_[n.owner], true);
}

void Plan::set_stored(NodeId node, std::optional<Blob> value, std::uint64_t bytes) {
  Node& n = nodes_[node];
  end_exploring(n);
  if (n.interest == 0) {
    free(node, n);
  } else {
    if (value) {
      set_value(n, std::move(*value));
    } else {
      n.work.cost = static_cast<float>(bytes);
    }
    make_available(node, n);
  }
  shrink_if_empty();
}

/// Passes on, to what has not begun below, how it is wanted.
void Plan::raise(NodeId node, float rate, bool keep_going) {
  const auto has_it = [&](NodeId of, const Node& n) {
    return n.state == State::available || n.state == State::running ||
           (rate_of(of, n) >= rate && (n.keep_going || !keep_going));
  };
  visit_.assign(1, node);
  while (!visit_.empty()) {
    const NodeId next = visit_.back();
    visit_.pop_back();
    Node& n = nodes_[next];
    if (has_it(next, n)) continue;
    if (rate_of(next, n) < rate) {
      n.is_verified = true;
      verify_rates_.at(next) = rate;
    }
    n.keep_going = n.keep_going || keep_going;
    for (std::uint32_t i = 0; i < n.work.edge_count; ++i) {
      const NodeId input = edges_[n.work.first_edge + i].input;
      if (input != none) visit_.push_back(input);
    }
  }
}

/// A dependent has so far to go. What is below is told when it makes a difference there.
void Plan::raise_path(NodeId node, float path) {
  raises_.assign(1, {node, path});
  while (!raises_.empty()) {
    const Raise next = raises_.back();
    raises_.pop_back();
    Node& n = nodes_[next.node];
    if (n.state == State::unexpanded || n.state == State::expanding) {
      n.work.path = std::max(n.work.path, next.path);
      continue;
    }
    if (n.state != State::waiting) continue;  // A ready one keeps its place in the queue.
    const float raised = next.path + n.work.cost;
    if (ReadyQueue::level_of(raised) <= ReadyQueue::level_of(n.work.path)) continue;
    n.work.path = raised;
    for (std::uint32_t i = 0; i < n.work.edge_count; ++i) {
      const NodeId input = edges_[n.work.first_edge + i].input;
      if (input != none) raises_.push_back({input, raised});
    }
  }
}

}  // namespace deriva::detail
