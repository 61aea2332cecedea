#include "compute/plan.hpp"

#include <algorithm>

namespace deriva::detail {

template <class T>
std::uint32_t Plan::Pool<T>::take(T value) {
  if (unused.empty()) {
    slots.push_back(std::move(value));
    return static_cast<std::uint32_t>(slots.size() - 1);
  }
  const std::uint32_t slot = unused.back();
  unused.pop_back();
  slots[slot] = std::move(value);
  return slot;
}

// --- Requests

void Plan::add_request(RequestId request, const Address& target, double verify_rate) {
  const NodeId node = intern(target, request, static_cast<float>(verify_rate));
  Node& n = at(node);
  ++n.interest;
  const std::uint32_t slot = requests_.take({request, node, n.first_request});
  n.first_request = slot;
  request_slots_.emplace(request, slot);
  if (n.state == State::available) {
    finish_requests(node, std::nullopt);
  }
}

bool Plan::drop_request(RequestId request) {
  const auto found = request_slots_.find(request);
  if (found == request_slots_.end()) return false;
  const std::uint32_t slot = found->second;
  const NodeId node = requests_.slots[slot].target;
  std::uint32_t* link = &at(node).first_request;
  while (*link != slot) link = &requests_.slots[*link].next;
  *link = requests_.slots[slot].next;
  requests_.give_back(slot);
  request_slots_.erase(found);
  release(node);
  shrink_if_empty();
  return true;
}

void Plan::finish_requests(NodeId node, const std::optional<Error>& error) {
  std::uint32_t slot = std::exchange(at(node).first_request, none);
  while (slot != none) {
    const Request request = requests_.slots[slot];
    finished_.push_back({request.id, error, at(node).address, error ? std::nullopt : at(node).value});
    request_slots_.erase(request.id);
    requests_.give_back(slot);
    slot = request.next;
    if (!error) release(node);  // A failed node is freed as a whole.
  }
}

// --- Expansion

NodeId Plan::intern(const Address& address, RequestId owner, float verify_rate) {
  const auto [entry, is_new] = index_.try_emplace(address, none);
  if (!is_new) {
    const NodeId node = entry->second;
    const Node& n = nodes_[node];
    if (n.owner != owner && n.state != State::available) joined_.push_back(owner);
    raise_verify_rate(node, verify_rate);
    return node;
  }
  NodeId node = 0;
  if (unused_.empty()) {
    node = static_cast<NodeId>(nodes_.size());
    nodes_.emplace_back();
  } else {
    node = unused_.back();
    unused_.pop_back();
  }
  entry->second = node;
  Node& n = at(node);
  n.address = address;
  n.owner = owner;
  n.verify_rate = verify_rate;
  n.state = State::unexpanded;
  unexpanded_.push_back(ticket(node));
  return node;
}

bool Plan::current(const Ticket& ticket, State state) const {
  const Node& n = nodes_[ticket.node];
  return n.generation == ticket.generation && n.state == state;
}

void Plan::take_expansions(std::size_t most, std::vector<Expansion>& out) {
  while (most > 0 && !unexpanded_.empty()) {
    const Ticket next = unexpanded_.back();
    unexpanded_.pop_back();
    if (!current(next, State::unexpanded)) continue;
    at(next.node).state = State::expanding;
    out.push_back({next.node, at(next.node).address});
    --most;
  }
}

void Plan::set_stored(NodeId node) {
  if (at(node).interest == 0) {
    free(node);
  } else {
    make_available(node);
  }
  shrink_if_empty();
}

void Plan::set_recipe(NodeId node, const ResolvedFunction& function, std::span<const Address> inputs, Params params,
                      RunReason reason) {
  if (at(node).interest == 0) {
    free(node);
    return shrink_if_empty();
  }
  {
    Node& n = at(node);
    n.function = &function;
    n.reason = reason;
    if (!params.empty()) n.params = std::make_unique<Params>(std::move(params));
    n.inputs.reserve(inputs.size());
    n.state = State::waiting;
  }
  for (const Address& address : inputs) {
    Node& n = at(node);
    const NodeId input = intern(address, n.owner, n.verify_rate);
    n.inputs.push_back(input);
    Node& i = at(input);
    ++i.interest;
    if (i.state == State::available) continue;
    ++n.pending;
    i.first_edge = edges_.take({ticket(node), i.first_edge});
  }
  if (at(node).pending == 0) {
    at(node).state = State::ready;
    ready_.push_back(ticket(node));
  }
}

void Plan::raise_verify_rate(NodeId node, float rate) {
  if (at(node).verify_rate >= rate) return;
  std::vector<NodeId> rest{node};
  while (!rest.empty()) {
    Node& n = at(rest.back());
    rest.pop_back();
    if (n.verify_rate >= rate || n.state == State::running || n.state == State::available) continue;
    n.verify_rate = rate;
    rest.insert(rest.end(), n.inputs.begin(), n.inputs.end());
  }
}

// --- Running

std::optional<Plan::Job> Plan::take_ready() {
  while (!ready_.empty()) {
    const Ticket next = ready_.back();
    ready_.pop_back();
    if (!current(next, State::ready)) continue;
    static const Params no_params;
    Node& n = at(next.node);
    n.state = State::running;
    Job job{next.node, n.address,     n.owner, n.function, n.params ? n.params.get() : &no_params,
            n.reason,  n.verify_rate, {}};
    job.inputs.reserve(n.inputs.size());
    for (const NodeId input : n.inputs) {
      const Node& i = at(input);
      job.inputs.push_back({input, i.address, i.value, i.interest > 1});
    }
    return job;
  }
  return std::nullopt;
}

void Plan::keep(NodeId input, Blob value) {
  Node& n = at(input);
  if (n.state == State::available && !n.value) n.value = std::move(value);
}

void Plan::complete(NodeId node, Blob value) {
  at(node).value = std::move(value);
  make_available(node);
  shrink_if_empty();
}

void Plan::unpin(NodeId node) {
  release(node);
  shrink_if_empty();
}

void Plan::make_available(NodeId node) {
  Node& n = at(node);
  n.state = State::available;
  ++n.interest;  // Ours, until everybody is told.
  std::uint32_t edge = std::exchange(n.first_edge, none);
  while (edge != none) {
    const Edge told = edges_.slots[edge];
    edges_.give_back(edge);
    edge = told.next;
    if (!current(told.dependent, State::waiting)) continue;
    Node& dependent = at(told.dependent.node);
    if (--dependent.pending > 0) continue;
    dependent.state = State::ready;
    ready_.push_back(told.dependent);
  }
  finish_requests(node, std::nullopt);
  std::vector<NodeId> orphans;
  release_inputs(at(node), orphans);
  at(node).params.reset();
  abandon(orphans);
  release(node);
}

void Plan::fail(NodeId node, const Error& error) {
  std::vector<NodeId> failing{node};
  std::vector<NodeId> orphans;
  while (!failing.empty()) {
    const NodeId next = failing.back();
    failing.pop_back();
    Node& n = at(next);
    if (n.state == State::gone) continue;  // Reached over two edges.
    std::uint32_t edge = std::exchange(n.first_edge, none);
    while (edge != none) {
      const Edge told = edges_.slots[edge];
      edges_.give_back(edge);
      edge = told.next;
      if (current(told.dependent, State::waiting)) failing.push_back(told.dependent.node);
    }
    finish_requests(next, error);
    release_inputs(n, orphans);
    free(next);
  }
  abandon(orphans);
  shrink_if_empty();
}

// --- Interest

void Plan::release(NodeId node) {
  if (--at(node).interest > 0) return;
  std::vector<NodeId> orphans{node};
  abandon(orphans);
}

/// Takes back the node's interest in its inputs; those that nobody else wants are added to `orphans`.
void Plan::release_inputs(Node& node, std::vector<NodeId>& orphans) {
  for (const NodeId input : node.inputs) {
    if (at(input).state == State::gone) continue;  // It failed, and the node with it.
    if (--at(input).interest == 0) orphans.push_back(input);
  }
  node.inputs.clear();
}

void Plan::abandon(std::vector<NodeId>& orphans) {
  while (!orphans.empty()) {
    const NodeId next = orphans.back();
    orphans.pop_back();
    Node& n = at(next);
    switch (n.state) {
      case State::gone:
      case State::expanding:
        break;  // The worker's report frees it.
      case State::running:
        if (n.stoppable && !n.forgotten) {
          forget(n);
          abandoned_.push_back(next);
        }
        break;
      case State::unexpanded:
      case State::waiting:
      case State::ready:
      case State::available:
        release_inputs(n, orphans);
        free(next);
        break;
    }
  }
}

void Plan::forget(Node& node) {
  index_.erase(node.address);
  node.forgotten = true;
}

void Plan::free(NodeId node) {
  Node& n = at(node);
  if (!n.forgotten) index_.erase(n.address);
  std::uint32_t edge = n.first_edge;
  while (edge != none) {
    edges_.give_back(edge);
    edge = edges_.slots[edge].next;
  }
  const std::uint32_t generation = n.generation;
  n = Node{};
  n.generation = generation + 1;
  unused_.push_back(node);
}

/// Gives the memory of a large plan back when it is done.
void Plan::shrink_if_empty() {
  constexpr std::size_t worth_keeping = 4'096;
  if (unused_.size() < nodes_.size() || nodes_.size() <= worth_keeping) return;
  // Generations start again at zero: no ticket may be left that could name a new node.
  unexpanded_ = {};
  ready_ = {};
  edges_.clear();
  nodes_.clear();
  nodes_.shrink_to_fit();
  unused_ = {};
  index_.rehash(0);
}

}  // namespace deriva::detail
