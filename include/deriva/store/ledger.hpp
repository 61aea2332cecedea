#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <deriva/core/address.hpp>
#include <deriva/core/blob.hpp>
#include <deriva/core/digest.hpp>
#include <deriva/core/error.hpp>
#include <deriva/storage/environment.hpp>
#include <deriva/storage/function_ref.hpp>
#include <deriva/storage/table.hpp>
#include <deriva/storage/transaction.hpp>

namespace deriva {

struct LedgerOptions {
  /// The largest value, in bytes, that is kept of a divergence. Larger ones are known by digest and size only.
  std::size_t largest_kept_value = std::size_t{1} << 20U;
  /// Bytes of such values that are kept altogether; once they are used up, further values are not kept.
  std::uint64_t kept_bytes = std::uint64_t{64} << 20U;
};

/// What the executions of a recipe have shown so far.
enum class Verdict : std::uint8_t {
  agreed = 1,    ///< Every execution gave the same bytes.
  diverged = 2,  ///< Two executions with the same inputs gave different bytes, or only one of them a value.
};

/// One execution of a recipe, as it is compared with another.
struct Execution {
  Digest digest;           ///< Of the value; zero if it failed.
  std::uint64_t size = 0;  ///< Of the value, in bytes.
  bool failed = false;     ///< It returned an error or threw.

  friend bool operator==(const Execution&, const Execution&) = default;
};

/// Two executions of one recipe with the same inputs, on their way into the ledger.
struct Comparison {
  Address address;  ///< Of the recipe.
  Execution first;  ///< The one whose value holds: the stored one, if there was one.
  Execution other;
  std::optional<std::uint64_t> first_difference;  ///< Offset of the first byte that differs, where both are known.
  std::chrono::sys_time<std::chrono::nanoseconds> at{};
  std::uint64_t seed = 0;  ///< Of the choice of recipes; `ExecutorOptions::verify_seed`.
  Blob first_value;        ///< Kept if they differ, within the bounds of `LedgerOptions`; may be left empty.
  Blob other_value;

  [[nodiscard]] bool agrees() const noexcept { return first == other; }
};

/// What the ledger says of a recipe.
struct LedgerEntry {
  Verdict verdict = Verdict::agreed;
  std::uint64_t times_verified = 0;  ///< Comparisons, whatever they showed.
  std::uint64_t times_diverged = 0;
  Execution first;  ///< Of the comparison that decided the verdict: the last divergence, else the last agreement.
  Execution other;
  std::optional<std::uint64_t> first_difference;
  std::chrono::sys_time<std::chrono::nanoseconds> at{};
  std::uint64_t seed = 0;

  friend bool operator==(const LedgerEntry&, const LedgerEntry&) = default;
};

/// The two values of a divergence, as far as they were kept.
struct DivergentValues {
  std::optional<Blob> first;
  std::optional<Blob> other;
};

/// What is known about the determinism of recipes: one entry per recipe, and so per version of its function. It
/// survives a restart. A divergence stays until `clear`, however often the recipe agrees afterwards.
///
/// A handle: copies are the same ledger; it keeps its environment open. Thread safety: all members, from any thread.
/// Errors: those of `Environment::read` and `write`, and `corrupted`.
class Ledger {
 public:
  [[nodiscard]] static Result<Ledger> open(Environment environment, LedgerOptions options = {});

  /// What is known of the recipe; nothing if it was never verified.
  [[nodiscard]] Result<std::optional<LedgerEntry>> verdict(const Address& address) const;
  [[nodiscard]] Result<std::optional<LedgerEntry>> verdict(const ReadTransaction& transaction,
                                                           const Address& address) const;

  /// Returns whether to go on. Runs inside a read transaction.
  using Visitor = FunctionRef<bool(const Address& address, const LedgerEntry& entry)>;
  /// Visits the recipes that diverged, in the order of their addresses. Complexity: linear in their number, not in that
  /// of the entries.
  Result<void> for_each_diverged(Visitor visitor) const;
  Result<void> for_each_diverged(const ReadTransaction& transaction, Visitor visitor) const;
  [[nodiscard]] Result<std::vector<std::pair<Address, LedgerEntry>>> diverged() const;

  /// The values of the divergence that decided the verdict.
  [[nodiscard]] Result<DivergentValues> values(const Address& address) const;

  /// Forgets what is known of a recipe, its values included. False if nothing was.
  Result<bool> clear(const Address& address);
  Result<bool> clear(WriteTransaction& transaction, const Address& address);

  /// Adds a comparison. Complexity: constant, but for the values kept.
  Result<void> record(WriteTransaction& transaction, const Comparison& comparison);

 private:
  Ledger(Environment environment, LedgerOptions options, Table<BytesView, BytesView> table) noexcept
      : environment_(std::move(environment)), options_(options), table_(table) {}
  Result<void> keep_values(WriteTransaction& transaction, const Comparison& comparison);
  Result<std::uint64_t> drop_values(WriteTransaction& transaction, const Address& address);
  Result<std::uint64_t> kept_bytes(const ReadTransaction& transaction) const;

  Environment environment_;
  LedgerOptions options_;
  Table<BytesView, BytesView> table_;
};

}  // namespace deriva
