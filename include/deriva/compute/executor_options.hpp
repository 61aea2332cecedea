#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace deriva {

struct ExecutorOptions {
  /// Plain functions that run at the same time. 0: as many as the machine has hardware threads.
  std::size_t concurrency = 0;
  /// Coroutine functions that are under way at the same time, suspended ones included; at least 1.
  std::size_t coroutine_concurrency = 10'000;
  /// Memory for values that were computed or read lately, in bytes, overhead included. 0: none is kept.
  std::size_t cache_bytes = std::size_t{64} << 20U;
  /// Results that are written to the store in one transaction, at most. More: fewer flushes while a request runs.
  std::size_t flush_results = 4'096;
  /// Bytes of unwritten results at which they are written. More: fewer flushes, more memory.
  std::size_t flush_bytes = std::size_t{16} << 20U;
  /// Chooses what `Verify::sampled` runs twice. Nothing: another choice for every executor.
  std::optional<std::uint64_t> verify_seed;
};

}  // namespace deriva
