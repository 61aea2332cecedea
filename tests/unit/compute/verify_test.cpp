#include <deriva/compute/verify.hpp>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"

namespace deriva::test {
namespace {

static_assert(Verify::off().rate() == 0 && Verify::always().rate() == 1 && Verify::sampled(0.25).rate() == 0.25);
static_assert(Verify::off().valid() && Verify::always().valid() && Verify::sampled(1).valid());
static_assert(!Verify::sampled(-0.001).valid() && !Verify::sampled(1.001).valid());

MaterializeOptions with(Verify verify, Outcome* outcome = nullptr) {
  MaterializeOptions options;
  options.verify = verify;
  options.outcome = outcome;
  return options;
}

struct VerifyFixture : WaversFixture {
  VerifyFixture() {
    add_async("wavers_async", [this](std::vector<Blob>, Params, Context&) -> boost::asio::awaitable<Blob> {
      co_return Blob::copy_of("run " + std::to_string(++wavered));
    });
    add_async("steady_async",
              [](std::vector<Blob> inputs, Params, Context&) -> boost::asio::awaitable<Blob> { co_return inputs[0]; });
    add("fails_once", [this](std::span<const Blob>, const Params&) {
      if (++attempts % 2 == 1) throw 1;
      return Blob::copy_of("fine");
    });
  }
  std::atomic<int> attempts{0};
};

#define DERIVA_EVERY_EXECUTOR OnPool<1>, OnPool<3>, OnThisThread

TEMPLATE_TEST_CASE("verification: off runs once, always runs twice", "", DERIVA_EVERY_EXECUTOR) {
  VerifyFixture f;
  TestType on(f);
  const Address a = f.leaf("a");
  REQUIRE(text_of(on.executor.materialize(f.recipe("id", {a}), with(Verify::off()))) == "a");
  REQUIRE(f.runs() == 1);
  Outcome outcome;
  const Address target =
      f.recipe("concat", {f.numbered("id", 1, {a}), f.numbered("id", 2, {a}), f.numbered("steady_async", 3, {a})});
  REQUIRE(text_of(on.executor.materialize(target, with(Verify::always(), &outcome))) == "aaa");
  REQUIRE(f.runs() == 1 + 8);  // Three inputs and a final.
  REQUIRE(outcome.computed == 4);
  REQUIRE(outcome.verified == 4);
}

TEMPLATE_TEST_CASE("verification: cached and stored values are not verified again", "", DERIVA_EVERY_EXECUTOR) {
  VerifyFixture f;
  const Address target = f.recipe("id", {f.leaf("a")});
  {
    TestType on(f);
    for (int i = 0; i < 2; ++i) {
      REQUIRE(text_of(on.executor.materialize(target, with(Verify::always()))) == "a");
    }
  }
  TestType on(f);
  REQUIRE(text_of(on.executor.materialize(target, with(Verify::always()))) == "a");
  REQUIRE(f.runs() == 2);
}

TEMPLATE_TEST_CASE("verification: a violation names the recipe, the function and both digests; nothing is stored", "",
                   DERIVA_EVERY_EXECUTOR) {
  VerifyFixture f;
  TestType on(f);
  const std::string name = GENERATE("wavers", "wavers_async");
  const Address wavers = f.recipe(name, {});
  const Address target = f.recipe("id", {wavers});
  const Result<Blob> value = on.executor.materialize(target, with(Verify::always()));
  REQUIRE(text_of(value) == "!not_deterministic");
  REQUIRE(*value.error().address() == wavers);
  REQUIRE(*value.error().function() == FunctionId{name, "1"});
  REQUIRE_THAT(value.error().message(), contains(Digest::of(as_bytes("run 1")).to_string()));
  REQUIRE_THAT(value.error().message(), contains(Digest::of(as_bytes("run 2")).to_string()));
  for (const Address& address : {wavers, target}) {
    REQUIRE_FALSE(f.store->result(address).value());
    REQUIRE_FALSE(f.store->value(address).value());
  }
  REQUIRE(text_of(on.executor.materialize(target)) == "run 3");  // Nobody asked for verification.
}

TEST_CASE("verification: a success and a failure are a violation") {
  VerifyFixture f;
  OnThisThread on(f);
  REQUIRE(text_of(on.executor.materialize(f.recipe("fails_once", {}), with(Verify::always()))) == "!not_deterministic");
}

TEST_CASE("verification: failing twice is a failure, not a violation") {
  VerifyFixture f;
  f.add("fails", [](std::span<const Blob>, const Params&) -> Blob { throw std::runtime_error("always"); });
  OnThisThread on(f);
  const Result<Blob> value = on.executor.materialize(f.recipe("fails", {}), with(Verify::always()));
  REQUIRE(text_of(value) == "!function_failed");
  REQUIRE(f.runs("fails") == 2);
}

TEST_CASE("verification: a rate outside [0, 1] is refused, and runs nothing") {
  VerifyFixture f;
  OnThisThread on(f);
  const Address target = f.recipe("id", {f.leaf("a")});
  for (const double rate : {-0.5, 1.5, std::nan(""), std::numeric_limits<double>::infinity()}) {
    REQUIRE(text_of(on.executor.materialize(target, with(Verify::sampled(rate)))) == "!invalid_argument");
  }
  REQUIRE(f.runs() == 0);
}

/// How many of these recipes run twice under a seed.
int verified_of(std::int64_t count, double rate, std::uint64_t seed, std::set<std::int64_t>* chosen = nullptr) {
  ComputeFixture f;
  std::vector<std::atomic<int>> runs(static_cast<std::size_t>(count));
  f.add("counted", [&](std::span<const Blob>, const Params& params) {
    ++runs[static_cast<std::size_t>(std::get<std::int64_t>(params.at("number")))];
    return Blob::copy_of("x");
  });
  ExecutorOptions options;
  options.verify_seed = seed;
  OnPool<2> on(f, options);
  std::vector<Address> inputs;
  for (std::int64_t i = 0; i < count; ++i) inputs.push_back(f.numbered("counted", i));
  Outcome outcome;
  REQUIRE(on.executor.materialize(f.recipe("concat", inputs), with(Verify::sampled(rate), &outcome)).has_value());
  int verified = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    if (runs[static_cast<std::size_t>(i)] == 1) continue;
    REQUIRE(runs[static_cast<std::size_t>(i)] == 2);
    ++verified;
    if (chosen != nullptr) chosen->insert(i);
  }
  REQUIRE(outcome.verified - static_cast<std::uint64_t>(verified) <= 1);  // The final one may be chosen, too.
  return verified;
}

TEST_CASE("verification: sampling takes the share it was told, all at 1 and none at 0") {
  REQUIRE(verified_of(256, 0, 7) == 0);
  REQUIRE(verified_of(256, 1, 7) == 256);
  const int half = verified_of(1'024, 0.5, 7);
  REQUIRE(half > 512 - 96);  // Six standard deviations.
  REQUIRE(half < 512 + 96);
}

TEST_CASE("verification: the sample is repeated under its seed, is another under another, and grows with the rate") {
  std::set<std::int64_t> once;
  std::set<std::int64_t> again;
  std::set<std::int64_t> other;
  std::set<std::int64_t> more;
  verified_of(200, 0.3, 7, &once);
  verified_of(200, 0.3, 7, &again);
  verified_of(200, 0.3, 8, &other);
  verified_of(200, 0.6, 7, &more);
  REQUIRE(once == again);
  REQUIRE(once != other);
  REQUIRE(std::includes(more.begin(), more.end(), once.begin(), once.end()));
}

TEST_CASE("verification: another value than the stored one is a violation, and the stored one stays") {
  VerifyFixture f;
  const Address target = f.recipe("id", {f.leaf("a")});
  REQUIRE(f.store->put_results(std::vector<ComputedResult>{{target, Blob::copy_of("one"), {}, {}}}).has_value());
  const Result<void> put = f.store->put_results(std::vector<ComputedResult>{{target, Blob::copy_of("two"), {}, {}}});
  REQUIRE(put.has_error());
  REQUIRE(put.error().code() == Errc::not_deterministic);
  REQUIRE(*put.error().address() == target);
  REQUIRE(f.store->value(target).value() == Blob::copy_of("one"));
}

}  // namespace
}  // namespace deriva::test
