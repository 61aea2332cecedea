#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include <deriva/compute/verify.hpp>
#include <deriva/core/address.hpp>
#include <deriva/core/blob.hpp>
#include <deriva/core/error.hpp>
#include <deriva/core/params.hpp>
#include <deriva/core/recipe.hpp>
#include <deriva/store/ledger.hpp>

#include "compute/function_table.hpp"
#include "compute/plan.hpp"
#include "compute/request.hpp"

namespace deriva::detail {

/// Whether an execution came to nothing that a function can be judged by: it may go otherwise another time, ran out of
/// time, or was given up.
[[nodiscard]] inline bool is_inconclusive(const Result<Blob>& execution) noexcept {
  if (execution) return false;
  const Errc code = execution.error().code();
  return execution.error().error_class() == ErrorClass::transient || code == Errc::deadline_exceeded ||
         code == Errc::cancelled;
}

/// What several executions of one recipe with the same inputs come to. Each is compared with the first.
class Verification {
 public:
  /// The function outlives this.
  Verification(const Address& address, const FunctionId& function, std::uint64_t seed) noexcept
      : address_(address), function_(&function), seed_(seed) {}

  void add(Result<Blob> execution);

  /// The value of the first execution; `Errc::not_deterministic` if another one differs from it in its bytes or in
  /// whether it failed; if all failed: the first error, with the message of the second. What is inconclusive is
  /// compared with nothing, and told unless others differ. Requires: an execution.
  [[nodiscard]] Result<Blob> result() const { return error_ ? Result<Blob>(*error_) : *first_; }
  /// For the ledger.
  [[nodiscard]] std::vector<Comparison>& comparisons() noexcept { return comparisons_; }

 private:
  Address address_;
  const FunctionId* function_;
  std::uint64_t seed_;
  std::optional<Result<Blob>> first_;
  std::optional<Execution> first_execution_;  ///< Once it was compared.
  std::optional<Error> error_;
  bool is_violated_ = false;
  std::vector<Comparison> comparisons_;
};

/// What a plan carries for what a request asks for: a rate of up to 1 for two executions, or from 2 on the number of
/// executions.
[[nodiscard]] constexpr double verify_rate(const Verify& verify) noexcept {
  return verify.executions() > 2 ? static_cast<double>(verify.executions()) : verify.rate();
}
/// How often a job is executed once it is chosen.
[[nodiscard]] constexpr std::uint32_t executions_of(float verify_rate) noexcept {
  return verify_rate < 2 ? 2 : static_cast<std::uint32_t>(verify_rate);
}

struct KnownResult;

/// A plain function whose executions are shared out to idle threads. Whoever ends last settles the job.
struct SharedVerification {
  Plan::Task job{};
  Address address{};  ///< The job's.
  RequestPtr owner{};
  std::shared_ptr<FunctionRun> run{};
  std::vector<Blob> inputs{};
  Params params{};
  // Under the engine's mutex:
  std::uint32_t unbegun = 0;  ///< Executions that anybody may begin.
  std::uint32_t running = 0;
  bool begun = false;
  std::vector<Result<Blob>> ended{};
  std::shared_ptr<const KnownResult> known{};
  std::chrono::nanoseconds compute_time{0};  ///< Of one of them.
};

}  // namespace deriva::detail
