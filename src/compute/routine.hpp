#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>

#include <deriva/compute/executor_options.hpp>

#include "compute/function_table.hpp"
#include "compute/plan_batch.hpp"

namespace deriva::detail {

/// What is the same for all jobs of a function in a batch.
struct Routine {
  /// Functions that take less than this on average, in nanoseconds, are timed in one call out of so many.
  static constexpr float timed_always = 1'000;
  static constexpr std::uint32_t timed_calls = 64;
  /// Without a store, values that took less than this are kept for who asked for them alone: to keep one in the cache
  /// takes most of a microsecond (executor.1us.*).
  static constexpr std::chrono::microseconds worth_keeping{5};

  /// Whether a value that took so long goes to the cache when it was computed.
  static bool is_kept(std::chrono::nanoseconds compute_time, const ExecutorOptions& options) noexcept {
    return !options.store_results && options.cache_bytes > 0 && compute_time >= worth_keeping;
  }

  Routine() = default;
  Routine(const PlanJob& job, const ExecutorOptions& options)
      : function(job.function),
        is_timed(job.average == 0 || job.average >= timed_always),
        time(static_cast<std::int64_t>(job.average)) {
    const float known = job.average > 0 ? job.average : std::numeric_limits<float>::max();
    looks_back = known >= from(options.early_cutoff);
    is_explained = known >= from(options.explain_from);
    is_just_called = job.function->is_simple && !looks_back && !is_explained && !is_kept(time, options);
  }

  const ResolvedFunction* function = nullptr;
  bool is_timed = false;             ///< Every call of it.
  bool looks_back = false;           ///< Whether a result may be known is looked up first,
  bool is_explained = false;         ///< and what has changed.
  bool is_just_called = false;       ///< None of these, nor is its value kept, and it is a plain one.
  std::chrono::nanoseconds time{0};  ///< That it takes, as far as that is known.

 private:
  static float from(const std::optional<std::chrono::nanoseconds>& time) {
    return time ? static_cast<float>(time->count()) : std::numeric_limits<float>::infinity();
  }
};

}  // namespace deriva::detail
