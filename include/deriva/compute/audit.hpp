#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string_view>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include <deriva/compute/compute_registry.hpp>
#include <deriva/compute/detail/executor_base.hpp>
#include <deriva/core/address.hpp>
#include <deriva/core/error.hpp>
#include <deriva/core/recipe.hpp>
#include <deriva/store/store.hpp>

namespace deriva {

/// What came of one recipe in an audit.
enum class AuditOutcome : std::uint8_t {
  equal,             ///< Every execution gave the stored value.
  diverged,          ///< One gave another value.
  failed,            ///< One failed, though there is a stored value; or what is stored is damaged.
  missing_function,  ///< The registry has not got its function.
  missing_input,     ///< The value of an input, or of what it asked for, is not stored (any more).
  not_reached,       ///< The time was over, or it was cancelled, before it was executed as often as it should be.
};
inline constexpr std::size_t audit_outcomes = 6;

/// "equal", "missing function".
[[nodiscard]] std::string_view to_string(AuditOutcome outcome) noexcept;

struct AuditReport;

struct AuditOptions {
  // What is audited
  /// The recipes that this one needs, and itself. Nothing: all recipes of the store.
  std::optional<Address> root;
  /// Share of the stored results, from 0 to 1, chosen by a keyed hash of the address.
  double fraction = 1.0;
  /// At most so many, chosen evenly. 0: no limit.
  std::size_t count = 0;
  /// How often each is executed; at least 1. A function that is wrong once in a thousand times needs some thousands.
  std::size_t executions = 1;
  /// Key of the choice: the same seed chooses the same recipes. Nothing: another choice each time.
  std::optional<std::uint64_t> seed;

  // How
  /// Functions that run at the same time, the calling thread's included; at least 1.
  std::size_t concurrency = 1;
  /// No further execution is begun after this time. Zero: no limit.
  std::chrono::nanoseconds time_budget{0};
  /// No further execution is begun once a stop is requested.
  std::stop_token stop;
  /// Called after each recipe with what is known so far, by one thread at a time; must be quick. An exception from it
  /// is swallowed.
  std::function<void(const AuditReport&)> progress;
  /// Findings that the report lists, at most; all are counted and are in the ledger.
  std::size_t listed_findings = 1'000;
};

/// A recipe that is not as it should be.
struct AuditFinding {
  Address address;
  FunctionId function;
  AuditOutcome outcome = AuditOutcome::equal;
  std::optional<Error> error;  ///< Of `diverged` and `failed`.
};

struct AuditReport {
  std::uint64_t chosen = 0;   ///< Stored results that the options chose.
  std::uint64_t checked = 0;  ///< Of these: executed.
  std::uint64_t counts[audit_outcomes] = {};
  std::uint64_t seed = 0;
  std::vector<AuditFinding> findings;  ///< Everything that is not `equal` or `not_reached`.

  [[nodiscard]] std::uint64_t count(AuditOutcome outcome) const noexcept {
    return counts[static_cast<std::size_t>(outcome)];
  }
};

namespace detail {
Result<AuditReport> audit(const boost::asio::any_io_executor& io, Store& store, const Resolver& resolver,
                          const AuditOptions& options);
}

/// Executes recipes that have a stored result again, with the stored values of their inputs, and compares. Stored
/// values are never replaced; the ledger gets a comparison for every execution, except for `ErrorClass::transient`
/// failures, which say nothing. What functions ask for (`Context::materialize`) is taken from the store, never
/// computed; `FunctionOptions` do not apply. Blocks: the calling thread takes part in the work, and `concurrency - 1`
/// tasks on the I/O executor, as far as that runs.
///
/// Thread safety: any thread; the store may be in use. Memory: 32 bytes for each result chosen.
/// Errors: `invalid_argument` (a fraction outside [0, 1], no executions or concurrency), and the store's.
template <ComputeRegistry Registry>
[[nodiscard]] Result<AuditReport> audit(const boost::asio::any_io_executor& io, Store& store, const Registry& registry,
                                        const AuditOptions& options = {}) {
  return detail::audit(
      io, store, [&registry](const FunctionId& id) -> Function { return registry.find(id); }, options);
}

}  // namespace deriva
