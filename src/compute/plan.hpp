#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include <deriva/compute/materialize_options.hpp>
#include <deriva/core/address.hpp>
#include <deriva/core/blob.hpp>
#include <deriva/core/bytes.hpp>
#include <deriva/core/error.hpp>
#include <deriva/storage/function_ref.hpp>

#include "compute/edge_pool.hpp"
#include "compute/failures.hpp"
#include "compute/grace_periods.hpp"
#include "compute/joiners.hpp"
#include "compute/memory_budget.hpp"
#include "compute/plan_batch.hpp"
#include "compute/plan_expansion.hpp"
#include "compute/plan_function.hpp"
#include "compute/plan_node.hpp"
#include "compute/plan_request.hpp"
#include "compute/ready_queue.hpp"
#include "compute/slab.hpp"

namespace deriva::detail {

/// What is to be computed, for all requests of an executor at once: a state machine that is told what is found and what
/// is done, and tells what to look up, what to run, and which requests are finished. Pure: it knows no store, no
/// thread and no lock, calls nothing, and recurses nowhere.
///
///     unexpanded --take_expansions--> expanding --set_recipe--> waiting --last input--> ready --take_ready--> running
///                                         |                                                                    |
///                                         +-----set_stored-----> available <-----------------complete----------+
///     expanding, running --fail--> gone, and with it every waiting node that depends on it
///     any state, nobody interested --> gone: by `sweep`; expanding and running: when the worker reports
///
/// A node exists once per id of the store, which makes it the single flight of its computation. It is kept while
/// somebody is interested: a request that targets it, a node that has it as an input and is not done, or a pin; and
/// when it is done, until all is explored that was being explored by then, which may come upon it, too. So no request
/// computes anything twice, however much of it is computed before the rest is explored.
/// Complexity: every call is linear in the edges that it touches; nothing is searched. Allocates in pages only, and
/// gives large ones back when nothing is planned any more.
class Plan {
 public:
  explicit Plan(const BlockPool::Ptr& pool = std::make_shared<BlockPool>()) : pages_(pool), request_pages_(pool) {}

  // --- Requests

  using Wish = PlanWish;
  /// Adds a request. Requires: a new id.
  void add_request(const Wish& wish);
  /// Takes a request back; what only it wanted goes with the next calls of `sweep`. False if there is no such request.
  bool drop_request(RequestId request);

  struct Finished {
    RequestId request;
    FailuresPtr failures;       ///< Else:
    std::optional<Blob> value;  ///< Nothing: it is in the store.
    std::uint32_t depth = 0;    ///< Recipes on the longest path of what was computed for it.
  };
  [[nodiscard]] bool has_finished() const noexcept { return !finished_.empty(); }
  /// Appends the requests finished since the last call, in order.
  void take_finished(std::vector<Finished>& out);

  // --- Expansion

  using Expansion = PlanExpansion;
  using Found = PlanFound;
  /// Moves up to `most` nodes to `expanding`, one by one, and calls `take(Expansion)` for each, until it returns false;
  /// each must be answered by one of the next, then or later.
  template <class Take>
  void expand(std::size_t most, Take&& take);
  /// The same, appended to `out`.
  void take_expansions(std::size_t most, std::vector<Expansion>& out);
  /// The value is in the store, and has so many bytes, or is given.
  void set_stored(NodeId node, std::optional<Blob> value = std::nullopt, std::uint64_t bytes = 0);
  /// It is to be computed. Requires: the function is set.
  void set_recipe(const Expansion& expansion, const Found& found);
  /// It is to be looked up again.
  void retry(NodeId node);
  /// Also answers `take_ready`. Every request that depends on the node is finished with the error, by `fail_further`:
  /// as soon as all of them are told, or if it keeps going, when everything else below it is done.
  void fail(NodeId node, const Error& error);
  /// Whether there are failures of which not all that depends on them was told, nor all requests.
  [[nodiscard]] bool has_failing() const noexcept { return has_untold() || !told_.empty(); }
  /// Tells so many nodes.
  void fail_further(std::size_t most);

  // --- Functions

  static constexpr std::uint32_t unlimited = 0;
  /// Says of a function, by a number of the caller's, which limits it takes a place of, and whether it is a plain one,
  /// which may be taken along. It lives as long as the plan.
  void set_function(std::uint32_t number, const ResolvedFunction& function, std::array<std::uint32_t, 2> limits = {},
                    bool is_plain = false);
  /// Adds a limit of so many nodes that run at the same time (at least 1), and returns its number.
  std::uint32_t add_limit(std::size_t places);
  /// How long the function took, once.
  void observe(std::uint32_t function, float nanoseconds);

  // --- Running

  using Task = PlanTask;
  using Job = PlanJob;
  using Missing = PlanJob::Missing;
  using Batch = PlanBatch;
  /// Moves ready nodes to `running` and appends them to the batch: until they are `most`, or will take so many
  /// nanoseconds; at least one, if there is any. Each must be answered by `complete` or `fail`.
  /// First what `complete` made ready since the last call, unless another request waits; then requests in turn, the
  /// more urgent ones first (mostly), and of each the nodes with the longest way to go, first come, first served.
  ///
  /// A batch takes along what waits for nothing but jobs of the batch, if its function is plain and takes less than
  /// `along` nanoseconds (than the batch, if several requests wait): a chain runs as one batch. Such a job is behind
  /// those, must be answered after them, and if one of them fails, before it, by `put_back`. Requires: `along` is 0 if
  /// memory is limited. Those for which there is no memory, and never will be, are `refused` instead.
  ///
  /// Returns how long they will take, as far as it is known.
  float take_ready(std::size_t most, float nanoseconds, Batch& batch, float along = 0);
  /// Answers `take_ready`: the job was not carried out, and waits again, or is ready. Requires: nothing is limited.
  void put_back(NodeId node);
  /// Under the plan's numbering; `none` if it has none.
  [[nodiscard]] StoreId store_id(NodeId node) const { return node < nodes_.end() ? nodes_[node].id : none; }
  struct Named {
    NodeId node;
    StoreId id;
  };
  /// Appends the inputs of a running node, in order.
  void append_inputs(NodeId node, std::vector<Named>& out);
  /// Keeps the value of an input that was read from the store, for others that want it.
  void keep(NodeId input, Blob value);
  void complete(NodeId node, Blob&& value);
  /// Fetches dependents, which lie anywhere, into the processor's caches: before many jobs are answered. Some may be.
  void prefetch_dependents(std::span<const Job> jobs);

  /// A running node that can be asked to stop: once nobody is interested in it, it is forgotten at once, so that the
  /// next request starts afresh, and listed by `take_abandoned`.
  void set_stoppable(NodeId node, bool stoppable = true) { nodes_[node].stoppable = stoppable; }
  [[nodiscard]] bool has_abandoned() const noexcept { return !abandoned_.empty(); }
  std::vector<NodeId> take_abandoned() { return std::exchange(abandoned_, {}); }

  /// Fails a running node that can be asked to stop at once: as `fail`, except that it is forgotten and still to be
  /// answered.
  void expire(NodeId node, const Error& error);

  // --- Memory (plan_memory.cpp)

  /// Limits what values take, of nodes and of jobs. What is nearest to a target runs first from now on: it lets go of
  /// most. Requires: an empty plan.
  void limit_memory(std::uint64_t bytes) { memory_.limit = bytes; }
  /// Whether ready nodes wait for memory.
  [[nodiscard]] bool lacks_memory() const noexcept { return memory_.is_full; }
  [[nodiscard]] std::uint64_t used_memory() const noexcept { return memory_.used; }
  /// The value of an available node is in the store, too. Forgets it, if memory is short.
  void set_written(NodeId node);
  /// Forgets values that are in the store. False: there were none.
  bool spill();
  [[nodiscard]] bool can_spill() const noexcept { return !memory_.written.empty(); }
  /// Whether nothing runs, if memory is limited, but functions that wait.
  [[nodiscard]] bool is_idle() const noexcept { return memory_.running == waits_.size(); }
  /// Whether nothing will give memory back before something else runs.
  [[nodiscard]] bool is_stuck() const noexcept { return is_idle() && !exploring_.any() && !has_rubbish(); }
  /// Lets the next node run, or fail, though there is no memory for it. Requires: `is_stuck`.
  void admit_anyway() noexcept;
  /// Whether it takes so much itself that what is ready is better run before more is explored.
  [[nodiscard]] bool is_large() const noexcept;
  /// The job is about to be answered.
  void release(const Task& job);
  /// Whether the memory suffices for the job with such a value.
  [[nodiscard]] bool has_memory_for(const Task& job, std::uint64_t value_bytes) const noexcept {
    return !memory_.is_limited() || job.input_bytes + value_bytes <= memory_.limit;
  }

  // --- Functions that wait, of running nodes; they have no places meanwhile

  /// Whether the function may go on: it still waits for something else, or has its places again.
  [[nodiscard]] bool may_go_on(NodeId node) const { return !nodes_[node].waits_for_place; }
  /// Those that may go on since the last call, and could not before.
  std::vector<NodeId> take_resumed() { return std::exchange(resumed_, {}); }
  [[nodiscard]] bool has_resumed() const noexcept { return !resumed_.empty(); }
  /// Whether there are waits that were not checked, and nothing is left to explore that might close a cycle.
  [[nodiscard]] bool can_check_waits() const noexcept { return !unchecked_waits_.empty() && !exploring_.any(); }
  /// Ends new waits for what depends on who waits: their requests fail with `Errc::cycle` and the way there.
  /// Complexity: for each, twice the nodes below what is waited for, or above who waits, whichever are fewer.
  void check_waits(FunctionRef<Address(StoreId)> address_of);

  /// Keeps a node that is expanding, running or pinned beyond its answer.
  void pin(NodeId node) { ++nodes_[node].interest; }
  void unpin(NodeId node);

  /// Frees up to so many nodes that nobody wants any more.
  void sweep(std::size_t most);

  // --- Facts

  [[nodiscard]] bool has_expansions() const noexcept { return expansions_ > 0; }
  [[nodiscard]] bool has_ready() const noexcept { return ready_count() > 0 && !memory_.is_full; }
  /// Including those that nobody wants any more and that were not swept.
  [[nodiscard]] std::size_t ready_count() const noexcept { return ready_ + fresh_.size(); }
  [[nodiscard]] bool several_wait() const;  ///< Whether several requests have ready nodes.
  [[nodiscard]] bool has_orphans() const noexcept { return !orphans_.empty() || !kept_enough_.empty(); }
  /// Whether `fail_further` or `sweep` have something to do.
  [[nodiscard]] bool has_rubbish() const noexcept { return has_orphans() || has_failing(); }
  [[nodiscard]] std::size_t size() const noexcept { return nodes_.in_use() - dropped_; }
  /// Whether anybody is interested in a running node.
  [[nodiscard]] bool wanted(NodeId node) const { return nodes_[node].interest > 0; }
  /// Whether a running node was abandoned and may have a successor of the same address: its value is not to be used.
  [[nodiscard]] bool forgotten(NodeId node) const { return nodes_[node].forgotten; }
  /// Whether it has one, as far as that is known.
  [[nodiscard]] bool has_successor(NodeId node) const noexcept;
  /// Whether a node of this id runs, and its function does not wait; or, unless it `must_run`, has its value.
  [[nodiscard]] bool in_flight(StoreId id, bool must_run) const noexcept;
  /// Appends the running nodes that are neither forgotten nor wait. Complexity: linear in all nodes.
  void append_running(std::vector<NodeId>& out) const;
  /// Appends the requests that target the node.
  void append_requests(NodeId node, std::vector<RequestId>& out) const;
  struct Joined {
    RequestId request;
    NodeId node;
  };
  [[nodiscard]] bool has_met() const noexcept { return !joined_.empty() || !reused_.empty(); }
  /// Appends requests that met a node which another one had brought in: once for each that was not available yet
  /// (`joined`, whatever the number of edges to it) or was (`reused`).
  void take_met(std::vector<Joined>& joined, std::vector<RequestId>& reused);

  // --- What the ids of the store mean (plan_renumber.cpp)

  /// They change their meaning when the store says so.
  [[nodiscard]] std::uint64_t numbering() const noexcept { return numbering_; }
  /// What an open request targets; `none` if there is no such request.
  [[nodiscard]] NodeId target_of(RequestId request) const;
  /// From now on ids have another meaning. A plan has no room for addresses: it is told the new ids of some nodes, such
  /// as the targets, and finds what is below by the order of inputs. What it does not find is not met again: what is
  /// done may be done once more. Complexity: linear in the nodes and their edges.
  void renumber(std::uint64_t numbering, std::span<const Named> named,
                FunctionRef<std::span<const StoreId>(StoreId)> inputs_of);

 private:
  using Node = PlanNode;
  using Request = PlanRequest;
  using Function = PlanFunction;
  using Limit = PlanLimit;
  using State = PlanNode::State;

  /// Requests that have something to do, in turn.
  enum Turn : std::uint8_t { to_expand, to_run };
  using Turns = PlanTurns;

  // plan_expand.hpp
  NumberedNode intern(StoreId id, std::uint32_t slot, Request& request, Recompute recompute);
  void to_be_expanded(NodeId node, Node& n, Request& request, bool first);
  void link_inputs(NodeId node, Node& n, Request& request, const Found& found);
  void link(std::uint32_t number, Edge& edge, const NumberedNode& input, NodeId dependent, Node& above);

  // plan.cpp: requests
  void meet(NodeId node, std::uint32_t request);
  void set_priority(std::uint32_t request, Priority priority);
  void raise(NodeId node, float rate, bool keep_going);
  void raise_path(NodeId node, float path);
  void finish_requests(NodeId node, const FailuresPtr& failures, bool only_impatient = false);
  void leave_request(std::uint32_t slot);
  void join_turn(Turn turn, std::uint32_t request);
  void leave_turn(Turn turn, std::uint32_t request);
  std::uint32_t pick(Turn turn);
  void next_turn(Turn turn, std::uint32_t request, bool has_more);

  // plan_inline.hpp
  void end_exploring(const Node& n);
  float rate_of(NodeId node, const Node& n) const;
  void leave(std::uint32_t request);
  void release(NodeId node, Node& n);
  void give_up(NodeId node, Node& n);
  void forget(Node& n);
  void free(NodeId node, Node& n);
  void release_inputs(Node& n);

  // plan_places.cpp
  bool take_places(NodeId node);
  void give_places_back(NodeId node);
  void offer_place(std::uint32_t limit);
  void offer_places(std::uint32_t function);

  // plan_run.cpp: from ready to available
  void make_ready(NodeId node, Node& n);
  void push_ready(NodeId node, Node& n);
  bool others_wait(NodeId node) const;
  static bool is_unwanted(const Node& n) noexcept { return n.state == State::dropped || n.interest == 0; }
  void discard(NodeId node, Node& n);
  void flush_fresh();
  struct Taking;
  bool may_admit(const Taking& taking) const noexcept;
  void admit_ready(Taking& taking);
  void admit(NodeId node, Node& n, Taking& taking);
  bool may_go_along(const Node& node, float along) const;
  void take_along(Taking& taking);
  void add_job(NodeId node, Node& n, Taking& taking);
  void make_available(NodeId node, Node& n);

  struct Raise {
    NodeId node;
    float path;
  };

  // plan_renumber.cpp
  void name(const Named& named);

  // plan_memory.cpp
  std::uint64_t expected_bytes(std::uint32_t function) const;
  void expect(std::uint32_t function, std::uint64_t bytes);
  static std::uint64_t stored_bytes(const Node& node) { return static_cast<std::uint64_t>(node.work.cost); }
  void set_value(Node& n, Blob&& value);
  void uncount_value(Node& n);
  enum class Admission : std::uint8_t { admitted, deferred, refused };
  Admission admit_memory(NodeId node);
  void reserve(Job& job, const Batch& batch, std::uint64_t moved);

  // plan_wait.cpp: functions that wait
  void begin_wait(std::uint32_t request);
  void end_wait(NodeId node, std::uint32_t request);
  void forget_waits(NodeId node);
  bool go_on(NodeId node);
  std::vector<NodeId> find_cycle(const Request& wait);
  void fail_wait(std::uint32_t request, std::span<const NodeId> cycle, FunctionRef<Address(StoreId)> address_of);

  // plan_fail.cpp
  struct Failing {
    NodeId node;
    FailuresPtr failures;
  };
  void begin_failing(NodeId node, FailuresPtr failures);
  void fail_next();
  void tell_next(NodeId node, const FailuresPtr& failures);
  void end_failing(NodeId node, const FailuresPtr& failures);
  void keep_failed(NodeId node, const FailuresPtr& failures);
  void pass_on(NodeId dependent, const FailuresPtr& failures);
  bool has_untold() const noexcept { return !failing_.empty() || has_poisoned(); }
  bool has_poisoned() const noexcept { return !poisoning_.empty() || poison_edge_ != none; }
  void poison(NodeId node, const FailuresPtr& failures);
  void poison_next();
  void skip_poisoning(const Edge& edge);

  // plan_drop.cpp
  void unlink(const Edge& removed);
  void release_unavailable(const Edge& edge, Node& input);
  void abandon(NodeId node);
  void drop(NodeId node);
  void shrink_if_empty();
  void shrink();

  PageMemory pages_;          ///< Of what goes when the plan is empty;
  PageMemory request_pages_;  ///< of what does not.
  Slab<Node> nodes_{pages_};
  EdgePool edges_{pages_};
  IdMap ids_{pages_};
  std::uint64_t numbering_ = 0;
  Slab<Request> requests_{request_pages_};
  Slab<ReadyQueue, 8> queues_{pages_};
  boost::unordered_flat_map<RequestId, std::uint32_t> request_slots_;
  std::vector<Function> functions_;
  std::vector<Limit> limits_{Limit{}};
  SparseSlab<FailuresPtr> poisoned_;  ///< Of poisoned nodes, by number.
  SparseSlab<float> verify_rates_;    ///< Of those that are verified.
  std::array<std::array<Turns, priorities>, 2> turns_;
  std::uint32_t picks_ = 0;
  std::size_t expansions_ = 0;
  GracePeriods exploring_;  ///< Unexpanded and expanding nodes; keeps those that are done.
  std::size_t ready_ = 0;
  std::size_t dropped_ = 0;    ///< Nodes that are kept by a queue alone.
  std::vector<NodeId> fresh_;  ///< Made ready by `complete`, and in no queue yet.
  std::vector<NodeId> orphans_;
  std::vector<NodeId> kept_enough_;  ///< Nobody wants them, or somebody again.
  std::vector<NodeId> visit_;        ///< Of one call, as the next one; kept for its memory.
  std::vector<NodeId> along_;
  std::vector<std::uint32_t> ahead_;
  std::vector<Raise> raises_;
  std::deque<Failing> failing_;
  std::deque<NodeId> poisoning_;
  std::uint32_t poison_edge_ = none;  ///< To the dependent of a poisoned node that is told next.
  std::vector<Finished> told_;        ///< Finished when nothing is failing any more.
  std::vector<Finished> finished_;
  std::vector<NodeId> abandoned_;
  boost::unordered_flat_map<NodeId, std::vector<std::uint32_t>> waits_;  ///< Requests of functions, by who waits.
  std::vector<RequestId> unchecked_waits_;
  std::vector<NodeId> resumed_;
  MemoryBudget memory_;
  std::vector<Joined> joined_;
  Joiners joiners_;  ///< Of nodes with `is_joined`.
  std::vector<RequestId> reused_;
};

}  // namespace deriva::detail
