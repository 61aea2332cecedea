#include "compute/verification.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"

namespace deriva::test {
namespace {

using detail::Verification;

const Address address = Address::of_leaf(as_bytes("recipe"));
const FunctionId function{"f", "1"};

Result<Blob> value(std::string_view text) { return Blob::copy_of(text); }
Result<Blob> failure(std::string_view text) { return Error(Errc::function_failed, std::string(text)); }

Verification of(std::vector<Result<Blob>> executions) {
  Verification verification(address, function, 7);
  for (Result<Blob>& execution : executions) verification.add(std::move(execution));
  return verification;
}

TEST_CASE("verification: equal executions give the value and say so") {
  const auto before = std::chrono::system_clock::now();
  Verification verification = of({value("a"), value("a"), value("a")});
  const auto after = std::chrono::system_clock::now();
  REQUIRE(as_text(*verification.result()) == "a");
  REQUIRE(verification.comparisons().size() == 2);
  for (const Comparison& comparison : verification.comparisons()) {
    REQUIRE(comparison.agrees());
    REQUIRE(comparison.first.digest == Digest::of(as_bytes("a")));
    REQUIRE(comparison.seed == 7);
    REQUIRE((comparison.at >= before && comparison.at <= after));
    REQUIRE(comparison.first_value.size() == 0);  // Not kept twice.
  }
}

TEST_CASE("verification: the error has the digests, the sizes and the first byte that differs") {
  Verification verification = of({value("abc"), value("abd!")});
  const Error error = verification.result().error();
  REQUIRE(error.code() == Errc::not_deterministic);
  REQUIRE(*error.address() == address);
  REQUIRE(*error.function() == function);
  for (const std::string_view text : {"abc", "abd!"}) {
    REQUIRE_THAT(error.message(), contains(Digest::of(as_bytes(text)).to_string()));
    REQUIRE_THAT(error.message(), contains(std::to_string(text.size()) + " bytes"));
  }
  REQUIRE_THAT(error.message(), contains("from byte 2 on"));
  REQUIRE(as_text(verification.comparisons().front().other_value) == "abd!");
}

TEST_CASE("verification: a prefix differs from what it begins") {
  Verification verification = of({value("abc"), value("ab")});
  REQUIRE(verification.comparisons().front().first_difference == 2);
  REQUIRE_FALSE(verification.result().has_value());
}

TEST_CASE("verification: a value and a failure are a violation, in either order") {
  for (const bool failed_first : {true, false}) {
    Verification verification = failed_first ? of({failure("x"), value("a")}) : of({value("a"), failure("x")});
    REQUIRE(verification.result().error().code() == Errc::not_deterministic);
    const Comparison& comparison = verification.comparisons().front();
    REQUIRE(comparison.first.failed == failed_first);
    REQUIRE(comparison.other.failed != failed_first);
    REQUIRE_FALSE(comparison.first_difference);
  }
}

TEST_CASE("verification: failures alone are a failure with both messages, and no comparison") {
  Verification verification = of({failure("one"), failure("two"), failure("three")});
  REQUIRE(verification.result().error().code() == Errc::function_failed);
  REQUIRE_THAT(verification.result().error().message(), contains("one"));
  REQUIRE_THAT(verification.result().error().message(), contains("two"));
  REQUIRE(verification.comparisons().empty());
}

TEST_CASE("verification: a failure that may pass is taken for a violation, or for a value") {
  const Result<Blob> passing = Error(Errc::function_failed, "down").with_class(ErrorClass::transient);
  for (const bool failed_first : {true, false}) {
    Verification verification = failed_first ? of({passing, value("a")}) : of({value("a"), passing});
    REQUIRE(verification.result().error().code() == Errc::function_failed);
    REQUIRE(verification.comparisons().empty());
  }
}

TEST_CASE("verification: running out of time, or being given up, is taken for a violation") {
  const Errc code = GENERATE(Errc::deadline_exceeded, Errc::cancelled);
  const Result<Blob> ended = Error(code, "not to its end");
  for (const bool first : {true, false}) {
    Verification verification = first ? of({ended, value("a")}) : of({value("a"), ended});
    REQUIRE(verification.result().error().code() == code);
    REQUIRE(verification.comparisons().empty());
  }
}

TEST_CASE("verification: a late difference counts, and the first one is told") {
  Verification verification = of({value("a"), value("a"), value("b"), value("c")});
  REQUIRE_THAT(verification.result().error().message(), contains(Digest::of(as_bytes("b")).to_string()));
  REQUIRE(verification.comparisons().size() == 3);
  REQUIRE(of({failure("x"), failure("y"), value("a")}).result().error().code() == Errc::not_deterministic);
}

// --- By executors

MaterializeOptions with(Verify verify) {
  MaterializeOptions options;
  options.verify = verify;
  return options;
}

TEMPLATE_TEST_CASE("verification: verdicts are in the ledger, with the values of a divergence", "", OnPool<1>,
                   OnPool<3>, OnThisThread) {
  WaversFixture f;
  const Address steady = f.recipe("id", {f.leaf("a")});
  const Address wavers = f.recipe("wavers", {});
  {
    ExecutorOptions options;
    options.verify_seed = 99;
    TestType on(f, options);
    REQUIRE(on.executor.materialize(steady, with(Verify::always())).has_value());
    REQUIRE_FALSE(on.executor.materialize(wavers, with(Verify::always())).has_value());
  }
  const LedgerEntry agreed = f.store->ledger().verdict(steady).value().value();
  REQUIRE(agreed.verdict == Verdict::agreed);
  REQUIRE(agreed.times_verified == 1);
  REQUIRE(agreed.seed == 99);
  const LedgerEntry diverged = f.store->ledger().verdict(wavers).value().value();
  REQUIRE(diverged.verdict == Verdict::diverged);
  REQUIRE(diverged.first_difference == 4);
  REQUIRE(f.store->ledger().values(wavers).value().first->size() == 5);
  REQUIRE(f.store->ledger().values(wavers).value().other->size() == 5);
  REQUIRE_FALSE(f.store->result(wavers).value());
}

TEST_CASE("verification: off leaves no verdict") {
  ComputeFixture f;
  const Address target = f.recipe("id", {f.leaf("a")});
  { REQUIRE(OnThisThread(f).executor.materialize(target).has_value()); }
  REQUIRE_FALSE(f.store->ledger().verdict(target).value());
}

TEMPLATE_TEST_CASE("verification: times runs as often as it says", "", OnPool<1>, OnPool<3>, OnThisThread) {
  ComputeFixture f;
  const std::uint32_t times = GENERATE(1U, 2U, 3U, 10U);
  const Address target = f.recipe("id", {f.leaf("a")});
  { REQUIRE(TestType(f).executor.materialize(target, with(Verify::times(times))).has_value()); }
  REQUIRE(f.runs("id") == static_cast<int>(times));
  const auto entry = f.store->ledger().verdict(target).value();
  REQUIRE(entry.has_value() == (times > 1));
  if (entry) REQUIRE(entry->times_verified == times - 1);
}

TEST_CASE("verification: no executions, or too many, are refused") {
  ComputeFixture f;
  OnThisThread on(f);
  const Address target = f.recipe("id", {f.leaf("a")});
  for (const std::uint32_t times : {0U, 65'537U}) {
    REQUIRE(text_of(on.executor.materialize(target, with(Verify::times(times)))) == "!invalid_argument");
  }
  REQUIRE(f.runs() == 0);
}

TEST_CASE("verification: the executor's mode holds for requests that do not say, and no others") {
  ComputeFixture f;
  ExecutorOptions options;
  options.verify = Verify::always();
  OnThisThread on(f, options);
  REQUIRE(on.executor.materialize(f.numbered("id", 1, {f.leaf("a")})).has_value());
  REQUIRE(f.runs("id") == 2);
  REQUIRE(on.executor.materialize(f.numbered("id", 2, {f.leaf("a")}), with(Verify::off())).has_value());
  REQUIRE(f.runs("id") == 3);
  options.verify = Verify::sampled(-1);
  REQUIRE(text_of(OnThisThread(f, options).executor.materialize(f.numbered("id", 3, {f.leaf("a")}))) ==
          "!invalid_argument");
}

TEST_CASE("verification: both executions are under way at the same time when there are two slots") {
  ComputeFixture f;
  std::mutex mutex;
  std::condition_variable both;
  int inside = 0;
  f.add("meets", [&](std::span<const Blob> inputs, const Params&) {
    std::unique_lock lock(mutex);
    ++inside;
    both.notify_all();
    both.wait(lock, [&] { return inside == 2; });  // For ever, if they run one after the other.
    return inputs[0];
  });
  ExecutorOptions options;
  options.concurrency = 2;
  OnPool<2> on(f, options);
  Outcome outcome;
  MaterializeOptions twice = with(Verify::always());
  twice.outcome = &outcome;
  REQUIRE(text_of(on.executor.materialize(f.recipe("meets", {f.leaf("a")}), twice)) == "a");
  REQUIRE(outcome.computed == 1);
  REQUIRE(outcome.verified == 1);
}

TEST_CASE("verification: the second execution gets copies of the inputs") {
  ComputeFixture f;
  const bool on_two_slots = GENERATE(false, true);
  std::mutex mutex;
  std::vector<const std::byte*> seen;
  f.add("looks", [&](std::span<const Blob> inputs, const Params&) {
    const std::lock_guard lock(mutex);
    seen.push_back(inputs[0].view().data());
    return Blob();
  });
  f.add("large", [](std::span<const Blob>, const Params&) { return Blob::copy_of(std::string(1'000, 'a')); });
  ExecutorOptions options;
  options.concurrency = on_two_slots ? 2 : 1;
  OnPool<2> on(f, options);
  REQUIRE(on.executor.materialize(f.recipe("looks", {f.recipe("large", {})}), with(Verify::always())).has_value());
  REQUIRE(seen.size() == 2);
  REQUIRE(seen[0] == seen[1]);
}

TEST_CASE("verification: what was shared out is settled once, whoever ends last") {
  ComputeFixture f;
  f.add("spins", [](std::span<const Blob>, const Params& params) {
    std::uint64_t sum = 0;
    for (std::uint64_t i = 0; i < 20'000; ++i) sum += i * i;
    return Blob::adopt(std::to_string(sum + static_cast<std::uint64_t>(std::get<std::int64_t>(params.at("number")))));
  });
  ExecutorOptions options;
  options.concurrency = 3;
  OnPool<3> on(f, options);
  std::vector<Address> inputs;
  for (std::int64_t i = 0; i < 500; ++i) inputs.push_back(f.numbered("spins", i));
  Outcome outcome;
  MaterializeOptions twice = with(Verify::always());
  twice.outcome = &outcome;
  REQUIRE(on.executor.materialize(f.recipe("concat", inputs), twice).has_value());
  REQUIRE(f.runs("spins") == 1'000);
  REQUIRE(outcome.computed == 501);
  REQUIRE(outcome.verified == 501);
}

TEST_CASE("verification: a result that contradicts the stored one is refused, and the ledger knows") {
  WaversFixture f;
  const Address wavers = f.recipe("wavers", {});
  OnThisThread on(f);
  // Another executor, or another process, is quicker.
  f.add("loses", [&](std::span<const Blob>, const Params&) {
    const ComputedResult winner{f.recipe("loses", {}), Blob::copy_of("the first value"), {}, {}};
    REQUIRE(f.store->put_results({&winner, 1}).has_value());
    return Blob::copy_of("the second value");
  });
  const Address loses = f.recipe("loses", {});
  MaterializeOptions durable;
  durable.durable = true;
  const Result<Blob> value = on.executor.materialize(loses, durable);
  REQUIRE(text_of(value) == "!not_deterministic");
  REQUIRE(value.error().function()->name == "loses");
  REQUIRE_THAT(value.error().message(), contains("from byte 4 on"));
  REQUIRE(as_text(*f.store->value(loses).value()) == "the first value");
  REQUIRE(on.executor.materialize(wavers, durable).has_value());
  const LedgerEntry entry = f.store->ledger().verdict(loses).value().value();
  REQUIRE(entry.verdict == Verdict::diverged);
  REQUIRE(as_text(*f.store->ledger().values(loses).value().other) == "the second value");
}

TEST_CASE("verification: what depends on a violation fails with its cause") {
  WaversFixture f;
  const Address wavers = f.recipe("wavers", {});
  OnThisThread on(f);
  const Result<Blob> value =
      on.executor.materialize(f.recipe("id", {f.recipe("id", {wavers})}), with(Verify::always()));
  REQUIRE(text_of(value) == "!not_deterministic");
  REQUIRE(*value.error().address() == wavers);
  REQUIRE(f.runs("id") == 0);
}

}  // namespace
}  // namespace deriva::test
