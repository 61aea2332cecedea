#include <algorithm>

#include "compute/plan_inline.hpp"
#include "core/blob_loan.hpp"

namespace deriva::detail {

// --- The queues

void Plan::make_ready(NodeId node, Node& n) {
  n.state = State::ready;
  push_ready(node, n);
}

/// Frees a node that came out of a queue and that nobody wants any more.
void Plan::discard(NodeId node, Node& n) {
  release_inputs(n);
  free(node, n);
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

bool Plan::several_wait() const {
  std::uint32_t one = fresh_.empty() ? none : nodes_[fresh_.front()].owner;
  for (const Turns& turns : turns_[to_run]) {
    if (turns.first == none) continue;
    if (turns.first != turns.last || (one != none && one != turns.first)) return true;
    one = turns.first;
  }
  return false;
}

void Plan::flush_fresh() {
  for (const NodeId node : fresh_) push_ready(node, nodes_[node]);
  fresh_.clear();
}

// --- Running

/// A batch in the making.
struct Plan::Taking {
  Batch& batch;
  std::size_t room;  ///< For so many jobs.
  float nanoseconds;
  float along;
  bool in_turn;            ///< Several requests wait.
  std::uint32_t jobs;      ///< In the batch.
  std::uint32_t followed;  ///< Of these: were asked what they bring along.
  float taken = 0;

  [[nodiscard]] bool has_room() const noexcept { return room > 0 && taken < nanoseconds; }
};

bool Plan::may_admit(const Taking& taking) const noexcept { return taking.has_room() && !memory_.is_full; }

[[gnu::always_inline]] inline void Plan::admit(NodeId node, Node& n, Taking& taking) {
  const std::uint32_t function = n.work.function;
  if (is_unwanted(n)) {
    discard(node, n);
    return offer_places(function);
  }
  if (memory_.is_limited()) {
    const Admission admission = admit_memory(node);
    if (admission == Admission::deferred) push_ready(node, n);
    if (admission == Admission::refused) taking.batch.refused.push_back(node);
    if (admission == Admission::refused) offer_places(function);
    if (admission != Admission::admitted) return;
  }
  if (functions_[function].is_limited && !take_places(node)) return offer_places(function);
  add_job(node, n, taking);
  --taking.room;
  const float average = functions_[function].average;
  taking.taken += average > 0 ? average : taking.nanoseconds;
  if (taking.in_turn) take_along(taking);  // Else a short chain gets one node of each batch of a large request.
}

float Plan::take_ready(std::size_t most, float nanoseconds, Batch& batch, float along) {
  batch.numbering = numbering_;
  const bool in_turn = several_wait();
  // What has one ready node at a time would wait for a batch of the others' for each of them (executor.fair.small).
  if (in_turn && along > 0) along = std::max(along, nanoseconds);
  const auto jobs = static_cast<std::uint32_t>(batch.jobs.size());
  Taking taking{batch, most, nanoseconds, along, in_turn, jobs, jobs};
  for (const NodeId node : fresh_) {
    if (may_admit(taking) && (ready_ == 0 || !others_wait(node))) {
      admit(node, nodes_[node], taking);
    } else {
      push_ready(node, nodes_[node]);
    }
  }
  fresh_.clear();
  admit_ready(taking);
  take_along(taking);
  for (const NodeId node : along_) {
    if (nodes_[node].state == State::waiting) nodes_[node].next = 0;
  }
  along_.clear();
  shrink_if_empty();
  return taking.taken;
}

/// Takes ready nodes of requests in turn, as long as there is room for what they bring along; of one request as many as
/// there are, if it is the only one.
void Plan::admit_ready(Taking& taking) {
  constexpr std::size_t most_unwanted = 4'096;
  for (std::size_t left = taking.room + most_unwanted; left > 0 && ready_ > 0 && may_admit(taking);) {
    const std::uint32_t slot = pick(to_run);
    if (slot == none) return;
    Request& request = requests_[slot];  // Nobody takes the slot meanwhile, even if its last node goes.
    ReadyQueue& queue = queues_[request.ready];
    do {
      --ready_;
      --left;
      const auto [node, n] = queue.pop(nodes_);
      admit(node, n, taking);
    } while (!taking.in_turn && left > 0 && !queue.empty() && may_admit(taking));
    const bool has_more = !queue.empty();
    next_turn(to_run, slot, has_more);
    if (!has_more) queues_.give_back(std::exchange(request.ready, none), queue);
  }
}

inline bool Plan::may_go_along(const Node& node, float along) const {
  return node.interest > 0 && !node.poisoned && !node.is_verified && node.reason == RunReason::never_computed &&
         functions_[node.work.function].along < along;
}

/// Adds what depends on the jobs that were added, as far as it is known that nothing else is missing: of a node with
/// many dependents, only a few are looked at. While they wait, their `next` counts inputs that the batch comes to. With
/// one request it comes after what is ready anyway: to look at dependents twice costs more than another batch
/// (executor.empty.layered).
void Plan::take_along(Taking& taking) {
  constexpr int most_dependents = 8;
  if (taking.along <= 0) return;
  for (; taking.followed < taking.jobs && taking.has_room(); ++taking.followed) {
    std::uint32_t edge = nodes_[taking.batch.jobs[taking.followed].node].first_dependent;
    for (int i = 0; i < most_dependents && edge != none && taking.has_room(); ++i) {
      const Edge& told = edges_[edge];
      const NodeId dependent = told.dependent;
      edge = told.next;
      Node& n = nodes_[dependent];
      if (n.state != State::waiting) continue;
      if (n.work.pending > 1) {
        if (n.next++ == 0) along_.push_back(dependent);
        if (n.next < n.work.pending) continue;
      }
      if (!may_go_along(n, taking.along)) continue;
      taking.taken += functions_[n.work.function].along;
      --taking.room;
      add_job(dependent, n, taking);
    }
  }
}

void Plan::put_back(NodeId node) {
  Node& n = nodes_[node];
  if (n.work.pending == 0) return make_ready(node, n);
  n.state = State::waiting;
  n.next = 0;
}

void Plan::add_job(NodeId node, Node& n, Taking& taking) {
  Batch& batch = taking.batch;
  const std::uint32_t number = taking.jobs++;
  n.state = State::running;
  const PlanNode::Work& work = n.work;
  Edge* const run = work.first_edge == none ? nullptr : edges_.run(work.first_edge);
  n.next = number;
  const auto first = static_cast<std::uint32_t>(batch.inputs.size());
  const BytesView params = n.has_params ? EdgePool::params_of(run, work.edge_count) : BytesView();
  Job& job = batch.jobs.emplace_back();
  job.node = node;
  Request& owner = requests_[n.owner];
  ++owner.jobs;
  job.owner = owner.id;
  job.params = params;
  job.function = functions_[work.function].function;
  job.average = functions_[work.function].average;
  job.first_input = first;
  job.input_count = work.edge_count;
  job.verify_rate = rate_of(node, n);
  job.reason = n.reason;
  std::uint64_t moved = 0;
  const bool explores = exploring_.any();
  for (std::uint32_t i = 0; i < work.edge_count; ++i) {
    const NodeId input = run[i].input;
    Node& below = nodes_[input];
    if (below.state == State::running) {  // In this batch: see `take_along`.
      batch.wires.push_back({below.next, number, first + i});
      batch.inputs.emplace_back();
    } else if (!below.has_value) {
      batch.missing.push_back({input, first + i, number, below.id, below.interest > 1});
      batch.inputs.emplace_back();
    } else if (!memory_.is_limited()) {
      batch.inputs.push_back(BlobLoan::of(below.value));
    } else if (below.interest > 1 || explores || work.pending > 0) {  // It may go back.
      batch.inputs.push_back(below.value);
    } else {  // Nobody else will ask for it: whoever comes later starts afresh.
      moved += MemoryBudget::bytes_of(below.value.size());
      batch.inputs.push_back(std::move(below.value));
      below.drop_value();
      below.is_written = false;
      forget(below);
    }
  }
  if (memory_.is_limited()) reserve(batch.jobs.back(), batch, moved);
}

void Plan::append_inputs(NodeId node, std::vector<Named>& out) {
  const PlanNode::Work& work = nodes_[node].work;
  for (std::uint32_t i = 0; i < work.edge_count; ++i) {
    const NodeId input = edges_[work.first_edge + i].input;
    out.push_back({input, nodes_[input].forgotten ? none : nodes_[input].id});
  }
}

void Plan::keep(NodeId input, Blob value) {
  Node& n = nodes_[input];
  if (n.state != State::available || n.has_value || memory_.is_short()) return;
  set_value(n, std::move(value));
  set_written(input);
}

void Plan::complete(NodeId node, Blob&& value) {
  Node& n = nodes_[node];
  if (n.work.pending > 0 || n.waits_for_place) forget_waits(node);
  if (n.has_places) give_places_back(node);
  release_inputs(n);
  ++n.depth;
  if (memory_.is_limited()) expect(n.work.function, value.size());
  if (n.interest == 0) {
    free(node, n);
  } else {
    set_value(n, std::move(value));
    make_available(node, n);
  }
  shrink_if_empty();
}

/// Step by step for all of them, so that nothing waits for what was just asked for (executor.empty.layered).
void Plan::prefetch_dependents(std::span<const Job> jobs) {
  constexpr int most_dependents = 3;
  ahead_.clear();
  for (const Job& job : jobs) {
    if (job.node >= nodes_.end()) continue;  // It was answered elsewhere, and the memory of its plan given back.
    const std::uint32_t edge = nodes_[job.node].first_dependent;
    if (edge == none) continue;
    __builtin_prefetch(&edges_[edge]);
    ahead_.push_back(edge);
  }
  for (int i = 0; i < most_dependents && !ahead_.empty(); ++i) {
    std::size_t left = 0;
    for (const std::uint32_t at : ahead_) {
      const Edge& edge = edges_[at];
      __builtin_prefetch(&nodes_[edge.dependent]);
      if (edge.next == none) continue;
      __builtin_prefetch(&edges_[edge.next]);
      ahead_[left++] = edge.next;
    }
    ahead_.resize(left);
  }
}

// --- What others ask

bool Plan::has_successor(NodeId node) const noexcept {
  const Node& n = nodes_[node];
  return n.forgotten && (n.id == none || ids_.find(n.id) != none);
}

bool Plan::in_flight(StoreId id, bool must_run) const noexcept {
  const NodeId node = ids_.find(id);
  if (node == none) return false;
  const Node& n = nodes_[node];
  return (n.state == State::running && n.work.pending == 0) || (n.state == State::available && !must_run);
}

void Plan::append_running(std::vector<NodeId>& out) const {
  for (NodeId node = 0; node < nodes_.end(); ++node) {
    const Node& n = nodes_[node];
    if (n.state == State::running && !n.forgotten && n.work.pending == 0) out.push_back(node);
  }
}

void Plan::append_requests(NodeId node, std::vector<RequestId>& out) const {
  for (std::uint32_t slot = nodes_[node].first_request; slot != none; slot = requests_[slot].next_on_target) {
    out.push_back(requests_[slot].id);
  }
}

}  // namespace deriva::detail
