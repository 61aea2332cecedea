#include <algorithm>

#include "compute/plan.hpp"

namespace deriva::detail {

// --- Functions

void Plan::set_function(std::uint32_t number, const ResolvedFunction& function, std::array<std::uint32_t, 2> limits) {
  if (number >= functions_.size()) functions_.resize(number + 1);
  functions_[number] = {&function, 0, 0, limits};
}

std::uint32_t Plan::add_limit(std::size_t places) {
  limits_.push_back({std::max<std::size_t>(places, 1), 0, {}});
  return static_cast<std::uint32_t>(limits_.size() - 1);
}

void Plan::observe(std::uint32_t function, float nanoseconds) {
  constexpr float weight = 1.0F / 8;
  float& average = functions_[function].average;
  const float measured = std::max(nanoseconds, 1.0F);
  average = average > 0 ? average + (measured - average) * weight : measured;
}

/// Takes a place of each limit of the node's function; if there is none, the node waits for it, out of the queue.
bool Plan::take_places(NodeId node) {
  Node& n = nodes_[node];
  const std::array<std::uint32_t, 2> limits = functions_[n.work.function].limits;
  for (const std::uint32_t limit : limits) {
    if (limit == Place::unlimited || limits_[limit].taken < limits_[limit].places) continue;
    if (n.state == State::running) {  // What has begun comes first.
      limits_[limit].waiting.push_front(nodes_, node);
    } else {
      limits_[limit].waiting.push(nodes_, node);
    }
    return false;
  }
  for (const std::uint32_t limit : limits) {
    if (limit == Place::unlimited) continue;
    ++limits_[limit].taken;
    n.has_places = true;
  }
  return true;
}

void Plan::give_places_back(NodeId node) {
  Node& n = nodes_[node];
  if (!n.has_places) return;
  n.has_places = false;
  for (const std::uint32_t number : functions_[n.work.function].limits) {
    if (number == Place::unlimited) continue;
    --limits_[number].taken;
    offer_place(number);
  }
}

/// If there is a place, the next one that waits for it may try. Who tries and does not take it offers it again.
void Plan::offer_place(std::uint32_t number) {
  Limit& limit = limits_[number];
  while (limit.taken < limit.places && !limit.waiting.empty()) {
    const NodeId next = limit.waiting.pop(nodes_);
    if (nodes_[next].state == State::running) {
      if (go_on(next)) return;
    } else if (!discard_unwanted(next)) {
      return push_ready(next);
    }
  }
}

void Plan::offer_places(std::uint32_t function) {
  for (const std::uint32_t limit : functions_[function].limits) {
    if (limit != Place::unlimited) offer_place(limit);
  }
}

// --- The queues

void Plan::make_ready(NodeId node) {
  nodes_[node].state = State::ready;
  push_ready(node);
}

void Plan::push_ready(NodeId node) {
  const std::uint32_t slot = nodes_[node].owner;
  Request& request = requests_[slot];
  if (request.ready == none) {
    request.ready = queues_.take();
    join_turn(to_run, slot);
  }
  queues_[request.ready].push(nodes_, node, memory_.is_limited());
  ++ready_;
}

NodeId Plan::pop_ready() {
  const std::uint32_t slot = pick(to_run);
  if (slot == none) return none;
  Request& request = requests_[slot];
  ReadyQueue& queue = queues_[request.ready];
  const NodeId node = queue.pop(nodes_);
  --ready_;
  const bool has_more = !queue.empty();
  next_turn(to_run, slot, has_more);
  if (!has_more) {
    queues_.give_back(request.ready);
    request.ready = none;
  }
  return node;
}

/// Frees a node that came out of a queue if nobody wants it any more.
bool Plan::discard_unwanted(NodeId node) {
  Node& n = nodes_[node];
  if (n.state != State::dropped && n.interest > 0) return false;
  release_inputs(node);
  free(node);
  return true;
}

/// Whether a request other than the node's, at least as urgent, has ready nodes.
bool Plan::others_wait(NodeId node) const {
  const std::uint32_t owner = nodes_[node].owner;
  for (auto level = static_cast<std::size_t>(requests_[owner].priority); level < priorities; ++level) {
    const Turns& turns = turns_[to_run][level];
    if (turns.first != none && (turns.first != owner || turns.last != owner)) return true;
  }
  return false;
}

void Plan::flush_fresh() {
  for (const NodeId node : fresh_) push_ready(node);
  fresh_.clear();
}

// --- Running

float Plan::take_ready(std::size_t most, float nanoseconds, Batch& batch) {
  constexpr std::size_t most_unwanted = 4'096;
  const std::size_t enough = batch.jobs.size() + most;
  float taken = 0;
  batch.numbering = numbering_;
  std::vector<NodeId> refused;
  const auto admit = [&](NodeId node) {
    const std::uint32_t function = nodes_[node].work.function;
    if (discard_unwanted(node)) return offer_places(function);
    if (memory_.is_limited()) {
      const Admission admission = admit_memory(node);
      if (admission == Admission::deferred) push_ready(node);
      if (admission == Admission::refused) refused.push_back(node);
      if (admission == Admission::refused) offer_places(function);
      if (admission != Admission::admitted) return;
    }
    if (!take_places(node)) return offer_places(function);
    add_job(node, batch);
    const float average = functions_[function].average;
    taken += average > 0 ? average : nanoseconds;
  };
  const auto has_room = [&] { return batch.jobs.size() < enough && taken < nanoseconds && !memory_.is_full; };
  for (const NodeId node : fresh_) {
    if (has_room() && !others_wait(node)) {
      admit(node);
    } else {
      push_ready(node);
    }
  }
  fresh_.clear();
  for (std::size_t i = 0; i < most + most_unwanted && has_room(); ++i) {
    const NodeId node = pop_ready();
    if (node == none) break;
    admit(node);
  }
  for (const NodeId node : refused) {
    fail(node, Error(Errc::over_budget, "what the function needs does not fit into the memory that is allowed")
                   .with_address(addresses_[node]));
  }
  shrink_if_empty();
  return taken;
}

void Plan::add_job(NodeId node, Batch& batch) {
  Node& n = nodes_[node];
  n.state = State::running;
  const PlanNode::Work& work = n.work;
  Edge* const run = work.first_edge == none ? nullptr : edges_.run(work.first_edge);
  const auto number = static_cast<std::uint32_t>(batch.jobs.size());
  const auto first = static_cast<std::uint32_t>(batch.inputs.size());
  const BytesView params =
      work.param_bytes == 0 ? BytesView() : BytesView(EdgePool::bytes_behind(run, work.edge_count), work.param_bytes);
  batch.jobs.push_back({node, requests_[n.owner].id, &addresses_[node], params, functions_[work.function].function,
                        first, work.edge_count, work.verify_rate, n.reason});
  std::uint64_t moved = 0;
  const bool explores = exploring_.any();
  for (std::uint32_t i = 0; i < work.edge_count; ++i) {
    const NodeId input = run[i].input;
    Node& below = nodes_[input];
    if (!below.has_value) {
      batch.missing.push_back(
          {input, first + i, number, below.forgotten ? none : below.id, &addresses_[input], below.interest > 1});
      batch.inputs.emplace_back();
    } else if (below.interest > 1 || explores) {
      batch.inputs.push_back(below.value);
    } else {  // Nobody else will ask for it: whoever comes later starts afresh.
      if (memory_.is_limited()) moved += MemoryBudget::bytes_of(below.value.size());
      batch.inputs.push_back(std::move(below.value));
      below.drop_value();
      below.is_written = false;
      forget(input);
    }
  }
  if (memory_.is_limited()) reserve(batch.jobs.back(), batch, moved);
}

void Plan::append_inputs(NodeId node, std::vector<Input>& out) {
  const PlanNode::Work& work = nodes_[node].work;
  for (std::uint32_t i = 0; i < work.edge_count; ++i) {
    const NodeId input = edges_[work.first_edge + i].input;
    out.push_back({input, store_id(input)});
  }
}

void Plan::keep(NodeId input, Blob value) {
  Node& n = nodes_[input];
  if (n.state != State::available || n.has_value || memory_.is_short()) return;
  set_value(input, std::move(value));
  set_written(input);
}

void Plan::complete(NodeId node, Blob value) {
  Node& n = nodes_[node];
  forget_waits(node);
  if (n.has_places) give_places_back(node);
  release_inputs(node);
  ++n.depth;
  if (memory_.is_limited()) expect(n.work.function, value.size());
  if (n.interest == 0) {
    free(node);
  } else {
    set_value(node, std::move(value));
    make_available(node);
  }
  shrink_if_empty();
}

/// Of what gets ready, the one with the longest way to go is the first to run; the others queue.
void Plan::make_available(NodeId node) {
  Node& n = nodes_[node];
  n.state = State::available;
  ++n.interest;  // Ours, until everybody is told.
  NodeId best = none;
  for (std::uint32_t edge = std::exchange(n.first_dependent, none); edge != none;) {
    const Edge told = edges_[edge];
    edge = told.next;
    Node& dependent = nodes_[told.dependent];
    dependent.depth = std::max(dependent.depth, n.depth);
    if (--dependent.work.pending > 0 || dependent.state == State::failing) continue;
    if (dependent.poisoned) {
      begin_failing(told.dependent, poisoned_[told.dependent]);
      continue;
    }
    dependent.state = State::ready;
    if (best == none) {
      best = told.dependent;
    } else if (nodes_[best].work.path < dependent.work.path) {
      push_ready(std::exchange(best, told.dependent));
    } else {
      push_ready(told.dependent);
    }
  }
  if (best != none) fresh_.push_back(best);
  finish_requests(node, nullptr);
  release(node);
}

}  // namespace deriva::detail
