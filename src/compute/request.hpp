#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include <deriva/compute/detail/executor_base.hpp>
#include <deriva/compute/materialize_options.hpp>
#include <deriva/core/address.hpp>
#include <deriva/core/blob.hpp>
#include <deriva/core/error.hpp>

#include "compute/plan_batch.hpp"

namespace deriva::detail {

struct FunctionRun;
class RequestProgress;

/// A request that an engine works for.
struct Request {
  RequestId id = 0;
  Address target;
  MaterializeOptions options;
  Completion<Blob>::Ptr completion;
  std::shared_ptr<FunctionRun> waiter;  ///< The function that waits for it; null: a host's,
  bool is_elsewhere = false;            ///< or another executor's.
  Progress progress;
  Progress told;                             ///< By the last call.
  std::shared_ptr<RequestProgress> running;  ///< What functions say, if the host wants to know.
  Outcome outcome;
  std::uint64_t begun = 0;                          ///< Functions that were taken to be run for it.
  std::chrono::steady_clock::time_point started{};  ///< If observers were told.
  std::uint32_t depth = 0;                          ///< Recipes on the longest path of what was computed for it.
  std::size_t first_refusal = 0;                    ///< How many results had been refused when it began.
  bool reporting = false;
  std::size_t callbacks = 0;         ///< Calls of the host's that are under way.
  bool over = false;                 ///< No callback begins any more;
  std::optional<Result<Blob>> held;  ///< what became of it, while callbacks are still under way.
};
using RequestPtr = std::shared_ptr<Request>;

/// What looking for a request's target came to: the value or an error, or else what it is planned as.
struct Looked {
  std::optional<Result<Blob>> known;
  std::optional<StoreId> id;
  std::uint64_t numbering = 0;  ///< Of the id.
};

}  // namespace deriva::detail
