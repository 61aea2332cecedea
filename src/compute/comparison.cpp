#include "compute/comparison.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "compute/function_table.hpp"

namespace deriva::detail {
namespace {

std::uint64_t first_difference(const Blob& first, const Blob& other) {
  const BytesView a = first.view();
  const BytesView b = other.view();
  return static_cast<std::uint64_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

Comparison compare(const Address& address, const Execution& first, const Execution& other, std::uint64_t seed) {
  Comparison comparison;
  comparison.address = address;
  comparison.first = first;
  comparison.other = other;
  comparison.at = std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
  comparison.seed = seed;
  return comparison;
}

/// Null: it has none, or it is not known.
void keep_values(Comparison& comparison, const Blob* first, const Blob* other) {
  if (first != nullptr) comparison.first_value = *first;
  if (other != nullptr) comparison.other_value = *other;
  if (first != nullptr && other != nullptr) comparison.first_difference = first_difference(*first, *other);
}

const Blob* value_of(const Result<Blob>& result) { return result ? &*result : nullptr; }

std::string describe(const Execution& execution) {
  if (execution.failed) return "failed";
  return fmt::format("{} bytes with digest {}", execution.size, execution.digest.to_string());
}

}  // namespace

Execution execution_of(const Result<Blob>& result) {
  if (!result) return {{}, 0, true};
  return {Digest::of(*result), result->size(), false};
}

Comparison compare(const Address& address, const Execution& first, const Result<Blob>& first_result,
                   const Result<Blob>& other, std::uint64_t seed) {
  // Equal bytes need no second hash.
  const bool same = first_result && other && *first_result == *other;
  Comparison comparison = compare(address, first, same ? first : execution_of(other), seed);
  if (!comparison.agrees()) keep_values(comparison, value_of(first_result), value_of(other));
  return comparison;
}

Result<Comparison> compare_with_stored(const Store& store, const Address& address, const ResultRecord& stored,
                                       const Result<Blob>& other, std::uint64_t seed) {
  Comparison comparison = compare(address, {stored.digest, stored.size, false}, execution_of(other), seed);
  if (comparison.agrees()) return comparison;
  const Result<std::optional<Blob>> value = store.value(address);
  if (!value) return value.error();
  keep_values(comparison, *value ? &**value : nullptr, value_of(other));
  return comparison;
}

Error violation(const Comparison& comparison, const FunctionId& function) {
  std::string message =
      fmt::format("one execution gave {}, another {}", describe(comparison.first), describe(comparison.other));
  if (comparison.first_difference)
    message += fmt::format("; they differ from byte {} on", *comparison.first_difference);
  return Error(Errc::not_deterministic, std::move(message)).with_address(comparison.address).with_function(function);
}

event::Verdict verdict_of(const Comparison& comparison) noexcept {
  if (comparison.agrees()) return event::Verdict::equal;
  const bool one_failed = comparison.first.failed || comparison.other.failed;
  return one_failed ? event::Verdict::failed_on_rerun : event::Verdict::different;
}

void tell_verified(ObserverHub& hub, const Comparison& comparison, const FunctionId& function) {
  if (!hub.observed()) return;
  hub.emit(event::Verified{0, 0, comparison.address, name_in_events(hub, function), verdict_of(comparison)});
}

}  // namespace deriva::detail
