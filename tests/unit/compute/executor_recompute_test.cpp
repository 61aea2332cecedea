// Running again what is stored, to compare.

#include <chrono>
#include <string>

#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"

namespace deriva::test {
namespace {

#define DERIVA_EVERY_EXECUTOR OnPool<1>, OnPool<3>, OnThisThread

struct RecomputeFixture : ComputeFixture {
  Address inner = recipe("concat", {leaf("a"), leaf("b")});
  Address middle = recipe("concat", {inner, inner});
  Address target = recipe("id", {middle});
  Outcome outcome;

  MaterializeOptions forced(Recompute recompute) {
    MaterializeOptions options;
    options.recompute = recompute;
    options.outcome = &outcome;
    return options;
  }
  /// A value that the function does not give.
  void store_other(const Address& address, const std::string& value) {
    const std::vector<ComputedResult> other{{address, Blob::copy_of(value), {}, {}}};
    REQUIRE(store->put_results(other).has_value());
  }
};

TEMPLATE_TEST_CASE("recompute: runs nothing, too little or too much", "", DERIVA_EVERY_EXECUTOR) {
  RecomputeFixture f;
  TestType on(f);
  REQUIRE(text_of(on.executor.materialize(f.target)) == "abab");
  REQUIRE(on.executor.flush().has_value());
  REQUIRE(f.runs() == 3);
  REQUIRE(text_of(on.executor.materialize(f.target, f.forced(Recompute::nothing))) == "abab");
  REQUIRE(f.runs() == 3);
  REQUIRE(text_of(on.executor.materialize(f.target, f.forced(Recompute::target))) == "abab");
  REQUIRE(f.runs() == 4);
  REQUIRE(f.outcome.computed == 1);
  REQUIRE(f.outcome.verified == 1);
  REQUIRE(text_of(on.executor.materialize(f.target, f.forced(Recompute::everything))) == "abab");
  REQUIRE(f.runs() == 7);
  REQUIRE(f.outcome.computed == 3);
  REQUIRE(f.outcome.verified == 3);
  REQUIRE(on.executor.flush().has_value());
  REQUIRE(f.store->ledger().verdict(f.target).value()->times_verified == 2);
  REQUIRE(f.store->ledger().verdict(f.inner).value()->times_verified == 1);
}

TEMPLATE_TEST_CASE("recompute: another value than the stored one is taken for it, or replaces it", "",
                   DERIVA_EVERY_EXECUTOR) {
  RecomputeFixture f;
  const bool twice = GENERATE(false, true);
  f.store_other(f.inner, "stored before");
  TestType on(f);
  MaterializeOptions options = f.forced(Recompute::target);
  if (twice) options.verify = Verify::always();
  const Result<Blob> refused = on.executor.materialize(f.inner, options);
  REQUIRE(text_of(refused) == "!not_deterministic");
  REQUIRE(*refused.error().address() == f.inner);
  REQUIRE(f.outcome.failed == 1);
  REQUIRE(on.executor.flush().has_value());
  REQUIRE(f.store->value(f.inner).value() == Blob::copy_of("stored before"));
  REQUIRE(f.store->ledger().verdict(f.inner).value()->verdict == Verdict::diverged);
  const DivergentValues values = f.store->ledger().values(f.inner).value();
  REQUIRE(values.first == Blob::copy_of("stored before"));
  REQUIRE(values.other == Blob::copy_of("ab"));
  REQUIRE(text_of(on.executor.materialize(f.inner)) == "stored before");
}

TEMPLATE_TEST_CASE("recompute: a function whose time was over is taken for one that gives another value", "",
                   DERIVA_EVERY_EXECUTOR) {
  RecomputeFixture f;
  const auto slow = [](std::span<const Blob>, const Params&, Context&) -> Result<Blob> {
    const auto over = std::chrono::steady_clock::now() + std::chrono::milliseconds(2);
    while (std::chrono::steady_clock::now() <= over) continue;
    return Error(Errc::function_failed, "it was asked to stop");
  };
  f.registry.add({"slow", "1"}, slow, {.blocking = GENERATE(false, true), .timeout = std::chrono::milliseconds(1)});
  const Address address = f.recipe("slow", {});
  f.store_other(address, "once");
  TestType on(f);
  REQUIRE(text_of(on.executor.materialize(address, f.forced(Recompute::target))) == "!deadline_exceeded");
  REQUIRE(on.executor.flush().has_value());
  REQUIRE_FALSE(f.store->ledger().verdict(address).value());
}

TEST_CASE("recompute: a function that fails where it once gave a value is only a failure") {
  RecomputeFixture f;
  f.add("fails", [](std::span<const Blob>, const Params&) -> Result<Blob> { return Error(Errc::function_failed); });
  const Address address = f.recipe("fails", {});
  f.store_other(address, "once");
  OnThisThread on(f);
  REQUIRE(text_of(on.executor.materialize(address, f.forced(Recompute::target))) == "!not_deterministic");
}

TEST_CASE("recompute: a failure that may pass is taken for another value") {
  RecomputeFixture f;
  f.add("fetches", [](std::span<const Blob>, const Params&) -> Result<Blob> {
    return Error(Errc::io_error, "no connection").with_class(ErrorClass::transient);
  });
  const Address address = f.recipe("fetches", {});
  f.store_other(address, "page");
  OnThisThread on(f);
  REQUIRE(text_of(on.executor.materialize(address, f.forced(Recompute::target))) == "!function_failed");
  REQUIRE(on.executor.flush().has_value());
  REQUIRE_FALSE(f.store->ledger().verdict(address).value());
}

TEST_CASE("recompute: a divergence below spoils nothing above it, or what runs reads other inputs than the stored") {
  RecomputeFixture f;
  f.store_other(f.inner, "x");
  OnThisThread on(f);
  // Computed from what is stored, and so is its recomputation.
  REQUIRE(text_of(on.executor.materialize(f.target)) == "xx");
  REQUIRE(text_of(on.executor.materialize(f.target, f.forced(Recompute::target))) == "xx");
  const Result<Blob> all = on.executor.materialize(f.target, f.forced(Recompute::everything));
  REQUIRE(text_of(all) == "!not_deterministic");
  REQUIRE(*all.error().address() == f.inner);
}

TEST_CASE("recompute: coroutine and blocking functions are not compared") {
  RecomputeFixture f;
  f.registry.add({"blocks", "1"}, [](std::span<const Blob>, const Params&) { return Blob::copy_of("b"); },
                 {.blocking = true});
  f.add_async("waits", [](std::vector<Blob>, Params, Context&) -> boost::asio::awaitable<Blob> {
    co_return Blob::copy_of("b");
  });
  OnPool<2> on(f);
  for (const char* function : {"blocks", "waits"}) {
    const Address same = f.numbered(function, 1);
    const Address other = f.numbered(function, 2);
    f.store_other(same, "b");
    f.store_other(other, "another");
    REQUIRE(text_of(on.executor.materialize(same, f.forced(Recompute::target))) == "b");
    REQUIRE(f.outcome.verified == 1);
    REQUIRE(text_of(on.executor.materialize(other, f.forced(Recompute::target))) == "!not_deterministic");
  }
}

TEST_CASE("recompute: a leaf, a missing result or an unknown address is treated otherwise than without it") {
  RecomputeFixture f;
  OnThisThread on(f);
  REQUIRE(text_of(on.executor.materialize(f.leaf("a"), f.forced(Recompute::everything))) == "a");
  REQUIRE(text_of(on.executor.materialize(f.target, f.forced(Recompute::everything))) == "abab");
  REQUIRE(f.runs() == 3);
  REQUIRE(f.outcome.verified == 0);
  REQUIRE(text_of(on.executor.materialize(Address(), f.forced(Recompute::target))) == "!not_found");
}

}  // namespace
}  // namespace deriva::test
