#include "compute/comparison.hpp"

#include <algorithm>
#include <chrono>
#include <string>

#include <fmt/format.h>

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

std::string describe(const Execution& execution) {
  if (execution.failed) return "failed";
  return fmt::format("{} bytes with digest {}", execution.size, execution.digest.to_string());
}

}  // namespace

Execution execution_of(const Result<Blob>& result) {
  if (!result) return {{}, 0, true};
  return {Digest::of(*result), result->size(), false};
}

Execution execution_of(const ResultRecord& stored) { return {stored.digest, stored.size, false}; }

Comparison compare(const Address& address, const Result<Blob>& first, const Result<Blob>& other, std::uint64_t seed) {
  const Execution one = execution_of(first);
  // Equal bytes need no second hash.
  const bool same = first && other && *first == *other;
  Comparison comparison = compare(address, one, same ? one : execution_of(other), seed);
  if (comparison.agrees()) return comparison;
  if (first && other) comparison.first_difference = first_difference(*first, *other);
  if (first) comparison.first_value = *first;
  if (other) comparison.other_value = *other;
  return comparison;
}

Comparison compare(const Address& address, const ResultRecord& stored, const Blob& stored_value,
                   const Result<Blob>& other, std::uint64_t seed) {
  Comparison comparison = compare(address, execution_of(stored), execution_of(other), seed);
  if (comparison.agrees()) return comparison;
  const bool has_stored = stored_value.size() == stored.size;
  if (has_stored) comparison.first_value = stored_value;
  if (other) comparison.other_value = *other;
  if (has_stored && other) comparison.first_difference = first_difference(stored_value, *other);
  return comparison;
}

Error violation(const Comparison& comparison, const FunctionId& function) {
  std::string message =
      fmt::format("one execution gave {}, another {}", describe(comparison.first), describe(comparison.other));
  if (comparison.first_difference)
    message += fmt::format("; they differ from byte {} on", *comparison.first_difference);
  return Error(Errc::not_deterministic, std::move(message)).with_address(comparison.address).with_function(function);
}

}  // namespace deriva::detail
