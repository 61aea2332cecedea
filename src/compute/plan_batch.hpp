#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include <deriva/compute/materialize_options.hpp>
#include <deriva/core/address.hpp>
#include <deriva/core/blob.hpp>
#include <deriva/core/bytes.hpp>
#include <deriva/core/event.hpp>

namespace deriva::detail {

using NodeId = std::uint32_t;   ///< Of a plan.
using StoreId = std::uint32_t;  ///< Of the store's graph.
using RequestId = std::uint64_t;
struct ResolvedFunction;

/// A node that runs.
struct PlanJob {
  /// What observers know a run by.
  struct Flight {
    std::uint64_t number = 0;  ///< 0: nobody is told of it.
    std::chrono::steady_clock::time_point started{};
    std::shared_ptr<const event::RecomputeReason> why{};  ///< If it is known in detail.
  };
  /// An input whose value is in the store.
  struct Missing {
    NodeId node;
    std::uint32_t position;  ///< In the batch's inputs.
    std::uint32_t job;       ///< In the batch.
    StoreId id;              ///< Under the batch's numbering; or `none`.
    const Address* address;
    bool shared;  ///< Somebody else wants it, too.
  };

  NodeId node;
  RequestId owner;         ///< The request that brought the node into the plan.
  const Address* address;  ///< Lives until the job is answered, and so do the
  BytesView params;        ///< encoded params.
  const ResolvedFunction* function;
  std::uint32_t first_input;  ///< In the batch.
  std::uint32_t input_count;
  float verify_rate;
  RunReason reason;
  std::uint64_t input_bytes = 0;  ///< If memory is limited, as the next one.
  std::uint64_t reserved = 0;     ///< Bytes that count for it, until `Plan::release`.
  Flight flight{};                ///< The engine's.
};

/// Nodes that run together.
struct PlanBatch {
  std::vector<PlanJob> jobs;
  std::vector<Blob> inputs;
  std::vector<PlanJob::Missing> missing;
  std::uint64_t numbering = 0;

  void clear() {
    jobs.clear();
    inputs.clear();
    missing.clear();
  }
};

}  // namespace deriva::detail
