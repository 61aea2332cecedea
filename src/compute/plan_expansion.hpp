#pragma once

#include <cstdint>
#include <span>

#include <deriva/compute/materialize_options.hpp>
#include <deriva/core/bytes.hpp>

#include "compute/plan_batch.hpp"

namespace deriva::detail {

struct PlanNode;
struct PlanRequest;

/// A node that is to be looked up.
struct PlanExpansion {
  NodeId node;
  StoreId id;       ///< `none`: the store's graph has it no more.
  bool forced;      ///< To be answered by `Plan::set_recipe` even if its result is stored.
  RequestId owner;  ///< Which brought it in, or 0 if that is over.
  PlanNode* n;      ///< The plan's, as the next one.
  PlanRequest* request;
};

/// A recipe that is to be computed.
struct PlanFound {
  std::uint32_t function = 0;  ///< As in `Plan::set_function`.
  std::span<const StoreId> inputs{};
  BytesView params{};  ///< Encoded.
  RunReason reason = RunReason::never_computed;
  float cost = 0;  ///< How long it ran when it last did, in nanoseconds; 0: unknown.
};

}  // namespace deriva::detail
