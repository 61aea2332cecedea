// Chains of short functions, which run as one batch.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"

namespace deriva::test {
namespace {

#define DERIVA_EVERY_EXECUTOR OnPool<1>, OnPool<3>, OnThisThread

constexpr int length = 200;

/// Functions that take next to nothing, which an executor knows after the first hundred calls.
struct ShortFixture : ComputeFixture {
  ShortFixture() {
    add("short", [this](std::span<const Blob> inputs, const Params& params) -> Result<Blob> {
      if (!inputs.empty() && inputs[0] != value) return Error(Errc::function_failed, "the input is another one");
      if (std::get<std::int64_t>(params.at("number")) != bad || failures.fetch_sub(1) <= 0) return value;
      return Error(Errc::function_failed, "on purpose").with_class(error_class);
    });
  }

  /// Recipes with these numbers, each above the one before.
  std::vector<Address> chain(std::int64_t first) {
    std::vector<Address> nodes{numbered("short", first)};
    for (std::int64_t i = 1; i < length; ++i) nodes.push_back(numbered("short", first + i, {nodes.back()}));
    return nodes;
  }
  MaterializeOptions counted(bool keep_going = false) {
    MaterializeOptions options;
    options.outcome = &outcome;
    if (keep_going) options.on_failure = FailurePolicy::keep_going;
    return options;
  }
  static ExecutorOptions with_retries(std::uint32_t retries) {
    ExecutorOptions options;
    options.transient_retries = retries;
    options.retry_delay = std::chrono::milliseconds(0);
    return options;
  }

  const Blob value = Blob::copy_of("value");
  std::int64_t bad = -1;
  ErrorClass error_class = ErrorClass::unknown;
  std::atomic<int> failures{0};
  Outcome outcome;
};

TEMPLATE_TEST_CASE("along: a function above one that failed runs all the same, or one below it runs again", "",
                   DERIVA_EVERY_EXECUTOR) {
  ShortFixture f;
  TestType on(f);
  REQUIRE(on.executor.materialize(f.chain(0).back()).has_value());
  REQUIRE(f.runs("short") == length);
  f.bad = 1'000 + length / 2;
  f.failures = 1;
  const bool keep_going = GENERATE(false, true);
  const std::vector<Address> chain = f.chain(1'000);
  const Result<Blob> failed = on.executor.materialize(chain.back(), f.counted(keep_going));
  REQUIRE_FALSE(failed.has_value());
  REQUIRE(*failed.error().address() == chain[length / 2]);
  REQUIRE(f.runs("short") == length + length / 2 + 1);
  REQUIRE(f.outcome.computed == length / 2);
  REQUIRE(f.outcome.failed == 1);
  REQUIRE(f.outcome.never_started == length / 2 - 1);
  REQUIRE(f.outcome.running == 0);
  // What was computed is there, and what failed is tried again.
  REQUIRE(on.executor.materialize(chain.back()).has_value());
  REQUIRE(f.runs("short") == 2 * length + 1);
}

TEMPLATE_TEST_CASE("along: what depends on a function that is retried is lost, or runs twice", "",
                   DERIVA_EVERY_EXECUTOR) {
  ShortFixture f;
  TestType on(f, ShortFixture::with_retries(2));
  REQUIRE(on.executor.materialize(f.chain(0).back()).has_value());
  f.bad = 1'000 + length / 2;
  f.failures = 2;
  f.error_class = ErrorClass::transient;
  REQUIRE(on.executor.materialize(f.chain(1'000).back(), f.counted()).has_value());
  REQUIRE(f.runs("short") == 2 * length + 2);
  REQUIRE(f.outcome.computed == length);
  REQUIRE(f.outcome.never_started == 0);
}

/// A number that depends on all of them, and on their order.
std::uint64_t joined(std::uint64_t own, std::span<const std::uint64_t> inputs) {
  for (const std::uint64_t input : inputs) own = (own ^ input) * 0x9e3779b97f4a7c15U;
  return own;
}

std::uint64_t number_in(const Blob& blob) {
  std::uint64_t number = 0;
  std::memcpy(&number, blob.view().data(), sizeof(number));
  return number;
}

/// Short functions whose value tells which ones they were given, in which order.
struct JoinFixture : ComputeFixture {
  struct Node {
    Address address;
    std::uint64_t value;
  };

  JoinFixture() {
    add("join", [this](std::span<const Blob> inputs, const Params& params) -> Result<Blob> {
      std::vector<std::uint64_t> numbers;
      for (const Blob& input : inputs) numbers.push_back(number_in(input));
      const auto own = static_cast<std::uint64_t>(std::get<std::int64_t>(params.at("number")));
      if (own == bad && failures.fetch_sub(1) > 0) {
        return Error(Errc::function_failed, "on purpose").with_class(ErrorClass::transient);
      }
      const std::uint64_t number = joined(own, numbers);
      return Blob::copy_of(std::as_bytes(std::span(&number, 1)));
    });
  }

  Node node(std::uint64_t number, const std::vector<Node>& inputs) {
    std::vector<Address> addresses;
    std::vector<std::uint64_t> values;
    for (const Node& input : inputs) {
      addresses.push_back(input.address);
      values.push_back(input.value);
    }
    return {numbered("join", static_cast<std::int64_t>(number), addresses), joined(number, values)};
  }

  std::uint64_t bad = ~std::uint64_t{0};
  std::atomic<int> failures{0};
};

TEMPLATE_TEST_CASE("along: a value goes to another function or place than the one that needs it", "",
                   DERIVA_EVERY_EXECUTOR) {
  JoinFixture f;
  // The first ladder teaches the executor that the function is short.
  TestType on(f);
  for (const std::uint64_t first : {0U, 1'000U, 2'000U}) {
    JoinFixture::Node left = f.node(first, {});
    JoinFixture::Node right = f.node(first + 1, {});
    for (std::uint64_t i = 2; i < 2 * length; i += 2) {
      const JoinFixture::Node below = left;
      left = f.node(first + i, {below, right});
      right = f.node(first + i + 1, {right, below, right});
    }
    REQUIRE(number_in(on.executor.materialize(left.address).value()) == left.value);
  }
  REQUIRE(f.runs("join") == 3 * (2 * length - 1));
}

TEMPLATE_TEST_CASE("along: what is tried again has other inputs than before", "", DERIVA_EVERY_EXECUTOR) {
  JoinFixture f;
  ExecutorOptions options = ShortFixture::with_retries(2);
  options.store_results = GENERATE(true, false);
  TestType on(f, options);
  for (const std::uint64_t first : {0U, 1'000U, 2'000U}) {
    f.bad = first + 100;
    f.failures = first == 0 ? 0 : 2;
    std::vector<JoinFixture::Node> nodes{f.node(first, {}), f.node(first + 1, {})};
    for (std::uint64_t i = 2; i < length; ++i) {
      nodes.push_back(f.node(first + i, {nodes[i - 1], nodes[i - 2], nodes[1]}));
    }
    REQUIRE(number_in(on.executor.materialize(nodes.back().address).value()) == nodes.back().value);
  }
  REQUIRE(f.runs("join") == 3 * length + 4);
}

TEMPLATE_TEST_CASE("along: a value is lost that was lent to the only function that needs it", "",
                   DERIVA_EVERY_EXECUTOR) {
  JoinFixture f;
  TestType on(f);
  std::vector<JoinFixture::Node> nodes;
  for (const std::uint64_t first : {0U, 1'000U, 2'000U}) {
    nodes.push_back(f.node(first, {}));
    for (std::uint64_t i = 1; i < length; ++i) {
      const JoinFixture::Node below = nodes.back();
      nodes.push_back(f.node(first + 500 + i, {}));
      nodes.push_back(f.node(first + i, {below, nodes.back()}));
    }
    REQUIRE(number_in(on.executor.materialize(nodes.back().address).value()) == nodes.back().value);
  }
  for (const JoinFixture::Node& node : nodes) {
    REQUIRE(number_in(on.executor.materialize(node.address).value()) == node.value);
  }
  REQUIRE(f.runs("join") == static_cast<int>(nodes.size()));
}

}  // namespace
}  // namespace deriva::test
