#include <deriva/compute/upgrade.hpp>

#include <atomic>
#include <string>
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

TEST_CASE("upgrade: to a version that nobody has, or to the same one, is refused") {
  UpgradeFixture f;
  REQUIRE(verify_upgrade(*f.store, f.registry, {"twice", "1", "3"}).error().code() == Errc::function_not_found);
  REQUIRE(verify_upgrade(*f.store, f.registry, {"twice", "1", "1"}).error().code() == Errc::invalid_argument);
}

}  // namespace
}  // namespace deriva::test
