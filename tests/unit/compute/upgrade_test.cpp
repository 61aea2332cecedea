#include <deriva/compute/upgrade.hpp>

#include <atomic>
#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"

namespace deriva::test {
namespace {

/// Twenty results of `twice/1`, and a `twice/2` that is right up to a number.
struct UpgradeFixture : ComputeFixture {
  UpgradeFixture() {
    registry.add({"twice", "1"}, [](std::span<const Blob>, const Params& params) {
      return Blob::adopt(std::to_string(2 * std::get<std::int64_t>(params.at("n"))));
    });
    registry.add({"twice", "2"}, [this](std::span<const Blob>, const Params& params) -> Result<Blob> {
      ++new_runs;
      const auto n = std::get<std::int64_t>(params.at("n"));
      if (n == fails_at) return Error(Errc::invalid_argument, "not that one");
      return Blob::adopt(std::to_string(n + (n == wrong_at ? n + 1 : n)));
    });
    for (std::int64_t n = 0; n < 20; ++n) {
      REQUIRE(SyncExecutor(*store, registry).materialize(twice("1", n)).has_value());
    }
  }
  Address twice(const std::string& version, std::int64_t n) {
    return store->put_recipe({{"twice", version}, {}, {{"n", n}}}).value();
  }
  Result<UpgradeReport> verify(const UpgradeOptions& options = {}) {
    return verify_upgrade(*store, registry, {"twice", "1", "2"}, options);
  }

  std::atomic<int> new_runs{0};
  std::int64_t wrong_at = -1;
  std::int64_t fails_at = -1;
};

TEST_CASE("upgrade: after an equal sample the new recipes have the old values without running") {
  UpgradeFixture f;
  UpgradeOptions options;
  options.sample = 5;
  const UpgradeReport report = f.verify(options).value();
  REQUIRE(report.results == 20);
  REQUIRE(report.checked == 5);
  REQUIRE(report.different == 0);
  REQUIRE(report.aliased == 20);
  REQUIRE(f.new_runs == 5);
  for (std::int64_t n = 0; n < 20; ++n) {
    REQUIRE(as_text(SyncExecutor(*f.store, f.registry).materialize(f.twice("2", n)).value()) == std::to_string(2 * n));
  }
  REQUIRE(f.new_runs == 5);
}

TEST_CASE("upgrade: one difference in the sample and nothing is aliased") {
  UpgradeFixture f;
  f.wrong_at = 11;
  UpgradeOptions options;
  options.sample = 0;
  const UpgradeReport report = f.verify(options).value();
  REQUIRE(report.checked == 20);
  REQUIRE(report.different == 1);
  REQUIRE(report.aliased == 0);
  REQUIRE(report.differences.size() == 1);
  REQUIRE(report.differences.front().from == f.twice("1", 11));
  REQUIRE(report.differences.front().to == f.twice("2", 11));
  REQUIRE(report.differences.front().error.code() == Errc::not_deterministic);
  REQUIRE_FALSE(f.store->result(f.twice("2", 3)).value());
  REQUIRE(f.store->ledger().diverged().value().empty());  // Another version is another recipe.
}

TEST_CASE("upgrade: a failure of the new version is a difference") {
  UpgradeFixture f;
  f.fails_at = 3;
  UpgradeOptions options;
  options.sample = 0;
  const UpgradeReport report = f.verify(options).value();
  REQUIRE(report.different == 1);
  REQUIRE(report.differences.front().error.code() == Errc::function_failed);
  REQUIRE(report.aliased == 0);
}

TEST_CASE("upgrade: a check alone stores nothing") {
  UpgradeFixture f;
  UpgradeOptions options;
  options.alias = false;
  const std::uint64_t before = f.store->stats()->recipes;
  REQUIRE(f.verify(options)->aliased == 0);
  REQUIRE(f.store->stats()->recipes == before);
}

TEST_CASE("upgrade: without old results nothing is claimed") {
  UpgradeFixture f;
  const UpgradeReport report = verify_upgrade(*f.store, f.registry, {"twice", "0", "2"}).value();
  REQUIRE(report.results == 0);
  REQUIRE(report.aliased == 0);
}

TEST_CASE("upgrade: lists more differences than it may, or counts only those") {
  UpgradeFixture f;
  f.registry.add({"twice", "3"}, [](std::span<const Blob>, const Params&) { return Blob::copy_of("nothing"); });
  UpgradeOptions options;
  options.listed_differences = 3;
  const UpgradeReport report = verify_upgrade(*f.store, f.registry, {"twice", "1", "3"}, options).value();
  REQUIRE(report.different == 20);
  REQUIRE(report.differences.size() == 3);
}

TEST_CASE("upgrade: the sample is another one under the same seed, or the same one each time") {
  UpgradeFixture f;
  std::string sampled;
  f.registry.add({"twice", "3"}, [&](std::span<const Blob>, const Params& params) {
    sampled += std::to_string(std::get<std::int64_t>(params.at("n"))) + ' ';
    return Blob();
  });
  const auto sample = [&](std::optional<std::uint64_t> seed) {
    UpgradeOptions options;
    options.sample = 5;
    options.seed = seed;
    REQUIRE(verify_upgrade(*f.store, f.registry, {"twice", "1", "3"}, options)->checked == 5);
    return std::exchange(sampled, {});
  };
  const std::string first = sample(1);
  REQUIRE(sample(1) == first);
  REQUIRE(sample(2) != first);
  std::set<std::string> any;
  for (int i = 0; i < 5; ++i) any.insert(sample(std::nullopt));
  REQUIRE(any.size() > 1);
}

TEST_CASE("upgrade: what could not be checked is claimed") {
  UpgradeFixture f;
  f.registry.add({"id", "2"}, [](std::span<const Blob> inputs, const Params&) { return inputs[0]; });
  const Address input = f.recipe("concat", {f.leaf("x")});
  f.store_as(f.recipe("id", {input}), "x");  // Its input was never computed here.
  const UpgradeReport report = verify_upgrade(*f.store, f.registry, {"id", "1", "2"}).value();
  REQUIRE(report.results == 1);
  REQUIRE(report.checked == 0);
  REQUIRE(report.aliased == 0);
}

TEST_CASE("upgrade: a value that is known to be doubtful is passed on") {
  UpgradeFixture f;
  Comparison comparison;
  comparison.address = f.twice("1", 4);
  comparison.other.failed = true;
  REQUIRE(f.store->put_results({}, {&comparison, 1}).has_value());
  REQUIRE(f.verify()->aliased == 19);
  REQUIRE_FALSE(f.store->result(f.twice("2", 4)).value());
  REQUIRE(f.store->result(f.twice("2", 5)).value());
}

TEST_CASE("upgrade: a value that is gone is passed on, or stops the others") {
  UpgradeFixture f;
  const auto large = [](std::span<const Blob>, const Params& params) {
    return Blob::copy_of(std::string(1'000, static_cast<char>('a' + std::get<std::int64_t>(params.at("number")))));
  };
  f.add("large", large);
  f.registry.add({"large", "2"}, large);
  for (std::int64_t i = 0; i < 3; ++i) {
    REQUIRE(SyncExecutor(*f.store, f.registry).materialize(f.numbered("large", i)).has_value());
  }
  f.evict(f.numbered("large", 1));
  const UpgradeReport report = verify_upgrade(*f.store, f.registry, {"large", "1", "2"}).value();
  REQUIRE(report.checked == 3);  // Its digest is enough.
  REQUIRE(report.different == 0);
  REQUIRE(report.aliased == 2);
}

TEST_CASE("upgrade: a result loses its time or what was asked for, or the last of many is forgotten") {
  ComputeFixture f;
  constexpr std::int64_t count = 2'001;
  const Address leaf = f.leaf("x");
  const auto asks = [=](std::vector<Blob>, Params, Context& context) -> boost::asio::awaitable<Result<Blob>> {
    co_return co_await context.materialize(leaf);
  };
  f.add_async("asks", asks);
  f.registry.add_async({"asks", "2"}, asks);
  std::vector<ComputedResult> results;
  for (std::int64_t i = 0; i < count; ++i) {
    results.push_back({f.numbered("asks", i), Blob::copy_of("x"), std::chrono::nanoseconds(i), {}});
    results.back().context.discovered = {leaf};
  }
  REQUIRE(f.store->put_results(results).has_value());
  UpgradeOptions options;
  options.sample = 3;
  const UpgradeReport report = verify_upgrade(*f.store, f.registry, {"asks", "1", "2"}, options).value();
  REQUIRE(report.checked == 3);
  REQUIRE(report.aliased == count);
  for (std::int64_t i = 0; i < count; ++i) {
    const Address address = f.store->put_recipe({{"asks", "2"}, {}, {{"number", i}}}).value();
    REQUIRE(f.store->result(address).value()->compute_time == std::chrono::nanoseconds(i));
    REQUIRE(f.store->discovered_inputs(address).value() == std::vector<Address>{leaf});
  }
}

TEST_CASE("upgrade: another value of the new version is replaced, or passes unnoticed") {
  UpgradeFixture f;
  f.store_as(f.twice("2", 3), "other");
  REQUIRE(f.verify().error().code() == Errc::not_deterministic);
  REQUIRE(as_text(*f.store->value(f.twice("2", 3)).value()) == "other");
}

TEST_CASE("upgrade: to a version that nobody has, or to the same one, is refused") {
  UpgradeFixture f;
  REQUIRE(verify_upgrade(*f.store, f.registry, {"twice", "1", "3"}).error().code() == Errc::function_not_found);
  REQUIRE(verify_upgrade(*f.store, f.registry, {"twice", "1", "1"}).error().code() == Errc::invalid_argument);
}

}  // namespace
}  // namespace deriva::test
