#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <deriva/compute/verify.hpp>

namespace deriva {

class ObserverHub;

/// A limit for the functions that name it in `FunctionOptions::resource`.
struct Resource {
  std::string name;
  /// Functions that have it at the same time; at least 1.
  std::size_t places = 1;
};

struct ExecutorOptions {
  /// Plain functions that run at the same time. 0: as many as the machine has hardware threads.
  std::size_t concurrency = 0;
  /// Coroutine functions that are under way at the same time, suspended ones included; at least 1.
  std::size_t coroutine_concurrency = 10'000;
  /// Plain functions declared as blocking that run at the same time, each on a thread of the executor's own; at least
  /// 1. `SyncExecutor` runs them on the calling thread.
  std::size_t blocking_concurrency = 4;
  /// A resource that is not listed is not limited.
  std::vector<Resource> resources{};
  /// Memory for values that were computed or read lately, in bytes, overhead included. 0: none is kept.
  std::size_t cache_bytes = std::size_t{64} << 20U;
  /// Memory for values that are computed, waited for or cached, in bytes; a quarter of it at most for the cache. 0: as
  /// much as it takes. What comes near a target is run first; when it is used up, results are written and their values
  /// forgotten, to be read again when they are needed, and functions wait. What is planned does not count, some 200
  /// bytes for each recipe; when it takes a quarter as much, what is ready runs before more is explored. Without
  /// `store_results` nothing can be forgotten. `Errc::over_budget` if the inputs and the value of one function, or what
  /// cannot be forgotten, do not fit.
  std::size_t memory_bytes = 0;
  /// Whether results are stored. Otherwise they live in memory: as long as a request needs them, and in the cache.
  bool store_results = true;
  /// Unwritten results at which they are written, in one transaction. A crash loses at most four times as many; when
  /// there is nothing else to do, or somebody waits, they are written earlier.
  std::size_t flush_results = 4'096;
  /// Bytes of unwritten results at which they are written, likewise. More: fewer flushes, more memory.
  std::size_t flush_bytes = std::size_t{16} << 20U;
  /// Early cutoff: a recipe takes the stored result of another one, instead of running, that has the same function and
  /// params, and inputs of the same values. For functions that take at least this long: looking costs some
  /// microseconds, and so does writing what is to be found, apart from those who compute. Nothing: for none. What is to
  /// be verified runs all the same, and is compared with the result that was found.
  std::optional<std::chrono::nanoseconds> early_cutoff = std::chrono::microseconds(20);
  /// Failures of class `ErrorClass::deterministic` that are remembered, the last ones, in memory: a recipe among them
  /// fails at once, without running, unless it is to be recomputed. 0: none. Others are never remembered.
  std::size_t remembered_errors = 0;
  /// How often a function that fails with `ErrorClass::transient` is tried again before its request is told. It keeps
  /// its place of a limit meanwhile.
  std::uint32_t transient_retries = 0;
  /// How long to wait before the first of these; twice as long before each further one.
  std::chrono::milliseconds retry_delay{100};
  /// Functions that take at least this long are told with what changed since something like their recipe was computed:
  /// `Computed::reason`, `event::FunctionStarted::why`. Looking for it costs some microseconds, and is done for who
  /// listens alone. Nothing: what was never computed is told as just that.
  std::optional<std::chrono::nanoseconds> explain_from = std::chrono::microseconds(50);
  /// Is told what the executor does; several executors and stores may have the same. Null: nobody.
  /// While somebody listens, every call of a function is timed on its own.
  std::shared_ptr<ObserverHub> observers{};
  /// For requests that do not say: `MaterializeOptions::verify`.
  Verify verify = Verify::off();
  /// Chooses what `Verify::sampled` runs twice. Nothing: another choice for every executor.
  std::optional<std::uint64_t> verify_seed{};
};

}  // namespace deriva
