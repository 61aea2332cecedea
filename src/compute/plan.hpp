#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <boost/container/small_vector.hpp>

#include <deriva/compute/materialize_options.hpp>
#include <deriva/core/address.hpp>
#include <deriva/core/blob.hpp>
#include <deriva/core/error.hpp>
#include <deriva/core/params.hpp>

#include "compute/address_index.hpp"

namespace deriva::detail {

using NodeId = std::uint32_t;
using RequestId = std::uint64_t;
struct ResolvedFunction;

/// What is to be computed, for all requests of an executor at once: a state machine that is told what is found and what
/// is done, and tells what to look up, what to run, and which requests are finished. Pure: it knows no store, no
/// thread and no lock, calls nothing, and recurses nowhere.
///
///     unexpanded --take_expansions--> expanding --set_recipe--> waiting --last input--> ready --take_ready--> running
///                                         |                                                                    |
///                                         +-----set_stored-----> available <-----------------complete----------+
///     expanding, running --fail--> gone, and with it every waiting node that depends on it
///     any state, nobody interested --> gone; expanding and running: when the worker reports
///
/// A node exists once per address, which makes it the single flight of its computation. It is kept while somebody is
/// interested: a request that targets it, a node that has it as an input and is not done, or a pin.
class Plan {
 public:
  explicit Plan(std::uint64_t hash_seed) : index_(0, AddressHash(hash_seed)) {}

  // --- Requests

  /// Adds a request for an address. Requires: a new id.
  void add_request(RequestId request, const Address& target, double verify_rate);
  /// Takes a request back; what only it wanted goes. False if there is no such request (any more).
  bool drop_request(RequestId request);

  struct Finished {
    RequestId request;
    std::optional<Error> error;  ///< Else:
    Address target;
    std::optional<Blob> value;  ///< Nothing: it is in the store.
  };
  /// The requests finished since the last call, in order.
  std::vector<Finished> take_finished() { return std::exchange(finished_, {}); }

  // --- Expansion

  struct Expansion {
    NodeId node;
    Address address;
  };
  /// Moves up to `most` nodes to `expanding` and appends them to `out`; each must be answered by one of the three
  /// below.
  void take_expansions(std::size_t most, std::vector<Expansion>& out);
  void set_stored(NodeId node);
  /// `function` must live as long as the plan.
  void set_recipe(NodeId node, const ResolvedFunction& function, std::span<const Address> inputs, Params params,
                  RunReason reason);
  /// Also answers `take_ready`. Every request that depends on the node is finished with the error.
  void fail(NodeId node, const Error& error);

  // --- Running

  struct Input {
    NodeId node;
    Address address;
    std::optional<Blob> value;  ///< Nothing: it is in the store.
    bool shared;                ///< Somebody else wants it, too.
  };
  struct Job {
    NodeId node;
    Address address;
    RequestId owner;  ///< The request that brought the node into the plan.
    const ResolvedFunction* function;
    const Params* params;  ///< Lives until the job is answered.
    RunReason reason;
    double verify_rate;
    std::vector<Input> inputs;
  };
  /// The ready node that became so last; it must be answered by `complete` or `fail`.
  std::optional<Job> take_ready();
  /// Keeps the value of an input that was read from the store, for others that want it.
  void keep(NodeId input, Blob value);
  void complete(NodeId node, Blob value);

  /// A running node that can be asked to stop: once nobody is interested in it, it is forgotten at once, so that the
  /// next request starts afresh, and listed by `take_abandoned`.
  void set_stoppable(NodeId node) { at(node).stoppable = true; }
  std::vector<NodeId> take_abandoned() { return std::exchange(abandoned_, {}); }

  /// Keeps a node that is expanding, running or pinned beyond its answer.
  void pin(NodeId node) { ++at(node).interest; }
  void unpin(NodeId node);

  // --- Facts

  [[nodiscard]] bool has_expansions() const noexcept { return !unexpanded_.empty(); }
  [[nodiscard]] bool has_ready() const noexcept { return !ready_.empty(); }
  [[nodiscard]] std::size_t ready_count() const noexcept { return ready_.size(); }
  [[nodiscard]] std::size_t size() const noexcept { return index_.size(); }
  /// Which request brought the node in; the node must not be gone.
  [[nodiscard]] RequestId owner(NodeId node) const { return nodes_[node].owner; }
  /// Whether anybody is interested in a running node.
  [[nodiscard]] bool wanted(NodeId node) const { return nodes_[node].interest > 0; }
  /// Whether a running node was abandoned and may have a successor of the same address: its value is not to be used.
  [[nodiscard]] bool forgotten(NodeId node) const { return nodes_[node].forgotten; }
  /// How often a request met a node that another one had brought in and that was not available yet.
  [[nodiscard]] std::vector<RequestId> take_joined() { return std::exchange(joined_, {}); }

 private:
  enum class State : std::uint8_t { gone, unexpanded, expanding, waiting, ready, running, available };
  static constexpr std::uint32_t none = ~std::uint32_t{0};

  struct Node {
    Address address;
    boost::container::small_vector<NodeId, 2> inputs;
    std::unique_ptr<Params> params;
    const ResolvedFunction* function = nullptr;
    std::optional<Blob> value;
    RequestId owner = 0;
    std::uint32_t first_edge = none;     ///< To a dependent.
    std::uint32_t first_request = none;  ///< That targets this node.
    std::uint32_t pending = 0;           ///< Inputs, by position, that are not available.
    std::uint32_t interest = 0;
    std::uint32_t generation =
        0;  ///< Counts what this id has named: an edge or queue entry of an earlier one is stale.
    float verify_rate = 0;
    State state = State::gone;
    RunReason reason = RunReason::never_computed;
    bool stoppable = false;
    bool forgotten = false;  ///< No longer in the index.
  };
  struct Ticket {
    NodeId node;
    std::uint32_t generation;
  };
  struct Edge {
    Ticket dependent;
    std::uint32_t next;
  };
  struct Request {
    RequestId id;
    NodeId target;
    std::uint32_t next;
  };
  /// Slots that are used again, first freed last.
  template <class T>
  struct Pool {
    std::deque<T> slots;
    std::vector<std::uint32_t> unused;
    std::uint32_t take(T value);
    void give_back(std::uint32_t slot) { unused.push_back(slot); }
    void clear() { *this = Pool{}; }
  };

  Node& at(NodeId node) { return nodes_[node]; }
  NodeId intern(const Address& address, RequestId owner, float verify_rate);
  bool current(const Ticket& ticket, State state) const;
  Ticket ticket(NodeId node) const { return {node, nodes_[node].generation}; }
  void raise_verify_rate(NodeId node, float rate);
  void release(NodeId node);
  void release_inputs(Node& node, std::vector<NodeId>& orphans);
  void abandon(std::vector<NodeId>& orphans);
  void forget(Node& node);
  void free(NodeId node);
  void make_available(NodeId node);
  void finish_requests(NodeId node, const std::optional<Error>& error);
  void shrink_if_empty();

  std::deque<Node> nodes_;
  std::vector<NodeId> unused_;
  AddressMap<NodeId> index_;
  Pool<Edge> edges_;
  Pool<Request> requests_;
  boost::unordered_flat_map<RequestId, std::uint32_t> request_slots_;
  std::vector<Ticket> unexpanded_;
  std::vector<Ticket> ready_;
  std::vector<Finished> finished_;
  std::vector<NodeId> abandoned_;
  std::vector<RequestId> joined_;
};

}  // namespace deriva::detail
