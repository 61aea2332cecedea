#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include <deriva/core/blob.hpp>
#include <deriva/core/error.hpp>
#include <deriva/core/params.hpp>
#include <deriva/storage/blob_store.hpp>

#include "compute/function_table.hpp"
#include "compute/plan.hpp"
#include "compute/request.hpp"

namespace deriva::detail {

/// A coroutine or blocking function that is under way, apart from the workers.
struct DetachedRun {
  Plan::Job job{};
  RequestPtr owner{};
  bool verify = false;
  std::chrono::steady_clock::time_point started{};
  std::vector<Blob> inputs{};
  std::stop_source stop{};
  std::optional<Result<Blob>> first{};  ///< Of the two runs of a verification.
};

/// What a thread that takes part in the work needs for itself; kept for its memory.
struct Worker {
  using Clock = std::chrono::steady_clock;

  RequestPtr owner;  ///< Of the last node that it was about.

  // Exploring
  enum class Known : std::uint8_t { nothing, stored, recipe, error };
  /// What was found of an expansion.
  struct Found {
    Known known = Known::nothing;
    RunReason reason = RunReason::never_computed;
    ResolvedFunction* function = nullptr;
    float cost = 0;
    std::size_t first_input = 0;
    std::size_t input_count = 0;
    Params params{};
    std::optional<Blob> value{};
    std::optional<Error> error{};
  };
  std::vector<Plan::Expansion> expansions;
  std::uint64_t numbering = 0;  ///< Of these.
  std::uint64_t written = 0;    ///< The last batch that the snapshot is certain to have.
  std::vector<Found> found;
  std::vector<StoreId> inputs;
  std::vector<ResolvedFunction*> functions;  ///< By the store's number; null: not asked for yet, or unknown.

  // Running
  /// What became of a job.
  struct Ran {
    std::optional<Result<Blob>> result{};
    std::chrono::nanoseconds compute_time{0};
    std::shared_ptr<DetachedRun> detached{};
    bool measured = false;
    bool verify = false;
    bool is_over = false;  ///< Not to be settled: a detached one that has started, or what nobody wanted.
  };
  Plan::Batch batch;
  std::vector<Ran> ran;
  std::vector<std::pair<NodeId, Blob>> loaded;    ///< Inputs from the store that others want, too.
  std::vector<std::optional<StoredBlob>> stored;  ///< As the batch's missing inputs.
  bool reread = false;                            ///< Whether anything was read for the batch.
  std::uint32_t calls = 0;
  Clock::time_point now{};
};

}  // namespace deriva::detail
