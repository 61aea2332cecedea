#pragma once

#include <cstdint>
#include <new>
#include <utility>

#include <deriva/compute/materialize_options.hpp>
#include <deriva/core/blob.hpp>

#include "compute/slab.hpp"

namespace deriva::detail {

/// A node of a plan. What it needs until it is available gives way to its value.
struct PlanNode {
  enum class State : std::uint8_t {
    gone,
    unexpanded,
    expanding,
    waiting,
    ready,
    running,
    available,
    failing,  ///< What depends on it is being told.
    failed,   ///< Kept for what is explored later.
    dropped,  ///< Nobody wants it, nothing finds it, and a queue still has it.
  };
  struct Work {
    std::uint32_t first_edge = none;  ///< To its inputs; behind them lie its params, if it has any.
    std::uint32_t edge_count = 0;
    std::uint32_t pending = 0;  ///< Inputs that are not available. While it runs: what its function waits for.
    std::uint32_t function = 0;
    float cost = 0;  ///< In nanoseconds. Of an available node: the bytes of its value, which is in the store.
    float path = 0;  ///< The cost of the longest way from here to a target, its own included once it is known.
  };

  PlanNode() noexcept : work() {}
  PlanNode(const PlanNode&) = delete;
  PlanNode& operator=(const PlanNode&) = delete;
  ~PlanNode() { drop_value(); }

  /// As it was made.
  void reset() noexcept {
    if (has_value) value.~Blob();
    new (this) PlanNode();
  }

  [[nodiscard]] bool is_done() const noexcept { return state == State::available || state == State::failed; }

  void set_value(Blob&& blob) noexcept {
    drop_value();
    new (&value) Blob(std::move(blob));
    has_value = true;
  }
  void drop_value() noexcept {
    if (!has_value) return;
    value.~Blob();
    has_value = false;
    work = Work();
  }

  union {
    Work work;
    Blob value;  ///< If `has_value`.
  };
  std::uint32_t id = none;    ///< Of the store.
  std::uint32_t next = none;  ///< In a queue. Of what waits, 0; of what runs, its place in the batch.
  std::uint32_t first_dependent = none;
  std::uint32_t first_request = none;  ///< That targets this node.
  std::uint32_t interest = 0;
  std::uint32_t owner = none;
  std::uint32_t depth = 0;  ///< Recipes on the longest path below, of what is computed; with its own once it is.
  State state = State::gone;
  RunReason reason = RunReason::never_computed;
  bool has_value : 1 = false;
  bool has_places : 1 = false;  ///< Of the limits of its function.
  bool stoppable : 1 = false;
  bool forgotten : 1 = false;  ///< Its id names another node, or none.
  bool keep_going : 1 = false;
  bool forced : 1 = false;           ///< To be computed even if it is stored;
  bool forces_inputs : 1 = false;    ///< what is below it, too.
  bool poisoned : 1 = false;         ///< An input failed; it waits for the others, and fails.
  bool lingers : 1 = false;          ///< Done and given up, and kept for what is explored later.
  bool is_written : 1 = false;       ///< Its value is in the store, too.
  bool waits_for_place : 1 = false;  ///< A running one that has waited, and goes on when it has its places back.
  bool expired : 1 = false;          ///< A running one, of which it is being told that its time was over.
  bool poisoning : 1 = false;        ///< Poisoned, and listed for what is above it.
  bool is_joined : 1 = false;        ///< By other requests than its owner, which are listed.
  bool has_params : 1 = false;
  bool is_verified : 1 = false;  ///< At a rate that is kept for it.
  // All bits are in use: else to make a node would be to read it, too (executor.empty.wide: 6 %).
};
static_assert(sizeof(PlanNode) == 56);

}  // namespace deriva::detail
