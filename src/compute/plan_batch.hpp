#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <deriva/compute/materialize_options.hpp>
#include <deriva/core/address.hpp>
#include <deriva/core/blob.hpp>
#include <deriva/core/bytes.hpp>
#include <deriva/core/error.hpp>
#include <deriva/core/event.hpp>

namespace deriva::detail {

using NodeId = std::uint32_t;   ///< Of a plan.
using StoreId = std::uint32_t;  ///< Of the store's graph.
using RequestId = std::uint64_t;
struct ResolvedFunction;

/// A node that runs.
struct PlanTask {
  /// What observers know a run by.
  struct Flight {
    std::uint64_t number = 0;  ///< 0: nobody is told of it.
    std::chrono::steady_clock::time_point started{};
    std::shared_ptr<const event::RecomputeReason> why{};  ///< If it is known in detail.
  };

  // Not defaulted: else each is filled with zeros first, which takes as long as all that follows.
  PlanTask() noexcept {}  // NOLINT(modernize-use-equals-default)
  /// Whether there is a result of its own recipe.
  [[nodiscard]] bool was_computed() const noexcept {
    return reason == RunReason::forced || reason == RunReason::evicted;
  }

  NodeId node = ~NodeId{0};
  std::uint32_t input_count = 0;
  RequestId owner = 0;               ///< The request that brought the node into the plan.
  const Address* address = nullptr;  ///< Null: nobody had to know it yet.
  const ResolvedFunction* function = nullptr;
  float verify_rate = 0;
  RunReason reason{};
  std::uint64_t input_bytes = 0;  ///< If memory is limited, as the next one.
  std::uint64_t reserved = 0;     ///< Bytes that count for it, until `Plan::release`.
  Flight flight{};                ///< The engine's.
};

/// One of a batch.
struct PlanJob : PlanTask {
  /// An input whose value is in the store.
  struct Missing {
    NodeId node;
    std::uint32_t position;  ///< In the batch's inputs.
    std::uint32_t job;       ///< In the batch.
    StoreId id;              ///< Under the batch's numbering; or `none`.
    bool shared;             ///< Somebody else wants it, too.
  };

  /// An input that another job of the batch is to come to.
  struct Wire {
    std::uint32_t from;      ///< A job before
    std::uint32_t job;       ///< this one.
    std::uint32_t position;  ///< In the batch's inputs.
  };

  PlanJob() noexcept {}  // NOLINT(modernize-use-equals-default): as above.

  BytesView params{};             ///< Encoded; they live until the job is answered.
  std::uint32_t first_input = 0;  ///< In the batch.
  float average = 0;              ///< What its function takes, in nanoseconds; 0: unknown.
};

/// Nodes that run together, one after the other: some may need what others before them come to.
struct PlanBatch {
  std::vector<PlanJob> jobs;
  std::vector<Blob> inputs;          ///< Most are lent by their nodes, until the jobs are answered; see `BlobLoan`.
  std::vector<PlanJob::Wire> wires;  ///< In the order of the jobs that they lead to.
  std::vector<PlanJob::Missing> missing;
  std::vector<NodeId> refused;         ///< There is no memory for them: to be answered by `Plan::fail`.
  std::vector<StoreId> ids;            ///< Of the jobs, once somebody has to know their addresses; or `none`.
  std::vector<Address> addresses;      ///< Of those, when they were looked up. Zero: it has none any more.
  std::optional<Error> lacks_address;  ///< Why one of those has none.
  std::uint64_t numbering = 0;

  [[nodiscard]] std::span<Blob> inputs_of(const PlanJob& job) noexcept {
    return std::span(inputs).subspan(job.first_input, job.input_count);
  }
  void clear() {
    jobs.clear();
    inputs.clear();
    wires.clear();
    missing.clear();
    refused.clear();
    ids.clear();
    addresses.clear();
    lacks_address.reset();
  }
};

}  // namespace deriva::detail
