#pragma once

#include <array>
#include <cstdint>

#include <deriva/compute/materialize_options.hpp>

#include "compute/grace_periods.hpp"
#include "compute/plan_batch.hpp"
#include "compute/ready_queue.hpp"
#include "compute/slab.hpp"

namespace deriva::detail {

/// A request that is to be added.
struct PlanWish {
  RequestId id;
  StoreId target;
  double verify_rate = 0;
  Priority priority = Priority::normal;
  bool keep_going = false;
  Recompute recompute = Recompute::nothing;
  NodeId waiter = none;  ///< A running node whose function waits for the target; it is wanted as that node is.
};

/// Requests that take turns: who is next, and who came last.
struct PlanTurns {
  std::uint32_t first = none;
  std::uint32_t last = none;
};

/// A request, until it is over and the last node that it brought in is gone.
struct PlanRequest {
  RequestId id = 0;
  NodeId target = none;
  NodeId waiter = none;  ///< Whose function waits for it, if it is not a host's.
  std::uint32_t next_on_target = none;
  std::uint32_t next = none;   ///< If it is unused.
  std::uint32_t members = 0;   ///< Nodes it brought in; one more while it is open.
  NodeQueue unexpanded;        ///< Those that are to be expanded.
  std::uint32_t ready = none;  ///< The queue of those, if there are any.
  std::array<std::uint32_t, 2> next_in_turn{none, none};
  std::uint32_t turns = 0;  ///< That it joined, to run, when it had had less than who was first.
  std::uint64_t jobs = 0;   ///< That were taken of it.
  Priority priority = Priority::normal;
  GracePeriods::Period period = 0;  ///< Of its exploration.
  bool expands = false;             ///< It has a turn to expand, or has it now.
  bool open = false;
  bool keep_going = false;
};

}  // namespace deriva::detail
