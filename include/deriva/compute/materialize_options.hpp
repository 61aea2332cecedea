#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include <deriva/compute/verify.hpp>
#include <deriva/core/address.hpp>
#include <deriva/core/error.hpp>
#include <deriva/core/recipe.hpp>
#include <deriva/core/trace_context.hpp>

namespace deriva {

/// Why a function ran.
enum class RunReason : std::uint8_t {
  never_computed,  ///< No result of this recipe was ever stored.
  evicted,         ///< It was computed before, and its value is gone.
  forced,          ///< `MaterializeOptions::recompute`: its result is stored.
  // Never computed, and something like it was (`ExecutorOptions::explain_from`):
  function_version_changed,  ///< The same inputs and params, by another version.
  input_changed,             ///< The same function and params, with another input.
};

/// "never computed", "evicted", "forced", "function version changed", "input changed".
[[nodiscard]] std::string_view to_string(RunReason reason) noexcept;

/// One function that ran; what it refers to lives for the length of the call that it is passed to.
struct Computed {
  const Address& address;
  const FunctionId& function;
  RunReason reason;
  std::size_t size;                       ///< Of the value, in bytes.
  std::chrono::nanoseconds compute_time;  ///< Of the first run, when it was verified.
  bool verified;
};

/// Which of the requests that have something to run comes first. What two of them share runs at the higher one's.
/// A low one is served in one turn of sixteen at least.
enum class Priority : std::uint8_t { low, normal, high };
inline constexpr std::size_t priorities = 3;

/// How far a request has come. Counts what this request started; what it shares with earlier requests is theirs.
struct Progress {
  /// Recipes found that have to be computed; grows while the graph is being explored, and loses what another executor
  /// turns out to have computed.
  std::uint64_t planned = 0;
  std::uint64_t computed = 0;  ///< Of these: done.
  std::uint64_t cut_off = 0;   ///< Of these: done without running (`ExecutorOptions::early_cutoff`).
  std::uint64_t reused = 0;    ///< Values that were stored already, leaves included, and so bounded the exploration.
  /// What functions under way say they have done (`Context::progress`), added up, in functions. Goes back when one of
  /// them fails or is given up.
  double running = 0;

  /// How much of what is planned by now is done, in [0, 1].
  [[nodiscard]] double fraction() const noexcept {
    if (planned == 0) return 0;
    return std::min(1.0, (static_cast<double>(computed + cut_off) + running) / static_cast<double>(planned));
  }

  friend bool operator==(const Progress&, const Progress&) = default;
};

/// What came of a request.
struct Outcome {
  std::uint64_t computed = 0;  ///< Functions run.
  std::uint64_t cut_off = 0;   ///< Recipes that took the result of another one with equal inputs, and did not run.
  std::uint64_t reused = 0;    ///< Values that were there already, leaves included; 1 for a request that was a hit.
  std::uint64_t joined = 0;    ///< Flights of other requests, or of another executor, that this one waited for.
  std::uint64_t verified = 0;  ///< Of the computed: compared with another execution, and equal.
  std::uint64_t failed = 0;    ///< Functions that failed, or were given up while they ran or before they began.
  std::uint64_t retried = 0;   ///< Failures that were tried again (`ExecutorOptions::transient_retries`).
  std::uint64_t running = 0;   ///< Functions that ran when the request ended: it was cancelled, or something failed.
  std::uint64_t never_started = 0;  ///< Recipes that were planned, and not begun when the request ended.
  std::vector<Error> failures;      ///< What the request's error stands for, each address once, 64 at most.
};

/// What a request does when something below its target fails.
enum class FailurePolicy : std::uint8_t {
  fail_fast,   ///< Ends at once.
  keep_going,  ///< Ends when all is computed that does not depend on a failure.
};

/// What runs again although its result is stored.
enum class Recompute : std::uint8_t {
  nothing,
  target,
  everything,  ///< The target and every recipe below it.
};

/// What a request may say beside its address.
struct MaterializeOptions {
  /// Applies to what this request starts, and to what others have planned and not yet begun. Nothing:
  /// `ExecutorOptions::verify`.
  std::optional<Verify> verify;

  /// What runs again is compared with the stored result, which stays: `Errc::not_deterministic` if they differ. What
  /// others are computing at the time is joined.
  Recompute recompute = Recompute::nothing;

  Priority priority = Priority::normal;
  FailurePolicy on_failure = FailurePolicy::fail_fast;

  /// When the request ends with `Errc::deadline_exceeded`, if it has not ended before; it is given up as if cancelled.
  std::optional<std::chrono::steady_clock::time_point> deadline;

  /// The caller's, as `TraceContext::parse` reads it: what observers are told belongs to that trace, and functions that
  /// run for this request pass it on.
  TraceContext trace{};

  /// Completes when the value, and every value below it that was computed, is stored with the store's durability.
  bool durable = false;

  /// Called on worker threads and by functions that say how far they are, by one at a time, not more often than
  /// `progress_interval` except for the last time, which tells how far the request came; must be quick. An exception
  /// from it is swallowed.
  std::function<void(const Progress&)> progress;
  std::chrono::milliseconds progress_interval{100};

  /// Called once for each function that ran for this request, on the thread that ran it, at the same time on several.
  /// An exception from it is swallowed.
  std::function<void(const Computed&)> on_computed;

  /// Written before the request completes, if not null; must live until then.
  Outcome* outcome = nullptr;
};

}  // namespace deriva
