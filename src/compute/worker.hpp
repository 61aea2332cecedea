#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <deriva/core/address.hpp>
#include <deriva/core/blob.hpp>
#include <deriva/core/digest.hpp>
#include <deriva/core/error.hpp>
#include <deriva/core/params.hpp>
#include <deriva/storage/blob_store.hpp>
#include <deriva/store/result_record.hpp>

#include "compute/function_run.hpp"
#include "compute/function_table.hpp"
#include "compute/plan.hpp"
#include "compute/request.hpp"
#include "compute/verification.hpp"
#include "store/recipe_blocks.hpp"

namespace deriva::detail {

/// What a thread that takes part in the work needs for itself; kept for its memory.
struct Worker {
  using Clock = std::chrono::steady_clock;

  RequestPtr owner;  ///< Of the last node that it was about.

  // Exploring
  enum class Known : std::uint8_t { nothing, stored, recipe, error };
  /// What was found of a node.
  struct Found {
    Known known = Known::nothing;
    RunReason reason = RunReason::never_computed;
    bool has_value = false;  ///< In memory: one of `values`.
    bool looked_in_cache = false;
    std::uint32_t place = 0;  ///< In `values`, or of an error in `errors`.
    float cost = 0;
    std::uint64_t value_bytes = 0;  ///< Of what is stored.
    ResolvedFunction* function = nullptr;
    std::size_t first_input = 0;
    std::size_t input_count = 0;
    BytesView params{};  ///< Encoded, in the snapshot.
  };
  std::vector<Plan::Expansion> expansions;
  std::uint64_t numbering = 0;      ///< Of these.
  std::uint64_t written = 0;        ///< The last batch that the snapshot is certain to have;
  std::uint64_t interruptions = 0;  ///< what was asked for before these, too.
  RecipeBlocks blocks;              ///< Of the snapshot.
  std::vector<Found> found;         ///< Of the expansions.
  std::vector<StoreId> inputs;
  std::vector<Blob> values;
  std::vector<Error> errors;
  std::vector<ResolvedFunction*> functions;  ///< By the store's number; null: not asked for yet, or unknown.

  // Running
  /// What a job is about beside one call of a plain function.
  struct Extra {
    std::shared_ptr<DetachedRun> detached{};
    std::shared_ptr<FunctionRun> run{};            ///< If the function takes a context; of a detached one, the same.
    std::unique_ptr<Verification> verification{};  ///< Once it was executed several times.
    std::uint32_t executions = 1;
    bool share = false;      ///< The executions, with other threads.
    bool cut_off = false;    ///< It did not run: the result is another recipe's, the `known` one.
    bool is_stored = false;  ///< It did not run: another executor has stored its result.
    KnownResultPtr known{};
  };
  /// What became of a job.
  struct Ran {
    std::optional<Result<Blob>> result{};
    std::chrono::nanoseconds compute_time{0};
    std::unique_ptr<Extra> extra{};  ///< Few jobs have one.
    bool measured = false;
    bool is_over = false;      ///< Not to be settled: a detached one that has started, what nobody wanted, or one
    bool is_put_back = false;  ///< that gives way, or lacks an input because another job of the batch did not run.

    /// Sets the result to what `make` returns, made in place.
    template <class Make>
    void make_result(const Make& make) {
      struct Made {
        const Make& make;
        operator Result<Blob>() const { return make(); }  // NOLINT(google-explicit-constructor)
      };
      result.emplace(Made{make});
    }
    void reset() noexcept {
      result.reset();
      compute_time = {};
      if (extra) extra.reset();
      measured = is_over = is_put_back = false;
    }
  };
  /// A job of which a result may be known.
  struct LookBack {
    std::uint32_t job;  ///< In the batch.
    StoreId id;
    std::size_t first_input;  ///< In `known_inputs`.
    float time;               ///< That the function takes, in nanoseconds; 0: unknown.
  };
  /// An input of such a job.
  struct KnownInput {
    StoreId id = none;
    std::optional<Digest> digest{};  ///< If it is known without looking.
  };
  /// What was found for one.
  struct FoundBack {
    std::uint32_t job;
    KnownResult result;
    std::optional<StoredBlob> value;  ///< If the job is not to run.
  };
  Plan::Batch batch;
  std::vector<Ran> ran;
  Params params;                                  ///< Of the function that is called; kept for their memory.
  Params no_params;                               ///< Of one that has none.
  std::vector<std::pair<NodeId, Blob>> loaded;    ///< Inputs from the store that others want, too.
  std::vector<std::optional<StoredBlob>> stored;  ///< As the batch's missing inputs.
  std::vector<Address> addresses;                 ///< Of those. Zero: it is not known any more.
  bool reread = false;                            ///< Whether anything was read for the batch.
  bool is_timed_whole = false;                    ///< All jobs are of one function, and short.
  bool gives_way = false;                         ///< When a request comes, or goes, what has not begun is put back.
  std::uint64_t interruptions_before = 0;         ///< When the batch was taken.
  bool puts_back = false;                         ///< Whether any job is put back,
  bool fails = false;                             ///< or has failed.
  std::vector<std::pair<std::uint32_t, StoreId>> unexplained;  ///< Jobs, by number in the batch.
  std::vector<LookBack> look_backs;
  std::vector<Plan::Named> plan_inputs;  ///< Of one of them.
  std::vector<KnownInput> known_inputs;  ///< Of all.
  std::vector<Digest> digests;           ///< Of the inputs of one.
  std::vector<FoundBack> found_back;
  std::uint32_t calls = 0;
  Clock::time_point now{};
};

}  // namespace deriva::detail
