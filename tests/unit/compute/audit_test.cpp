#include <deriva/compute/audit.hpp>

#include <atomic>
#include <cmath>
#include <limits>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"

namespace deriva::test {
namespace {

/// A store with results, and a function whose answer can be changed behind its back.
struct AuditFixture : ComputeFixture {
  AuditFixture() {
    add("count", [this](std::span<const Blob>, const Params& params) -> Result<Blob> {
      const auto number = std::get<std::int64_t>(params.at("n"));
      if (throws) throw std::runtime_error("no luck");
      return Blob::adopt((changed ? "other " : "value ") + std::to_string(number));
    });
  }
  Address compute(std::int64_t n) {
    const Address address = recipe("count", {}, {{"n", n}});
    REQUIRE(SyncExecutor(*store, registry).materialize(address).has_value());
    return address;
  }
  Result<AuditReport> audit(const AuditOptions& options = {}) {
    return deriva::audit(io.get_executor(), *store, registry, options);
  }

  std::atomic<bool> changed{false};
  std::atomic<bool> throws{false};
  boost::asio::thread_pool io{2};
};

TEST_CASE("audit: executes every stored result once and finds them equal") {
  AuditFixture f;
  for (int i = 0; i < 20; ++i) f.compute(i);
  f.recipe("count", {}, {{"n", std::int64_t{100}}});  // Never computed.
  const int before = f.runs("count");
  const AuditReport report = f.audit().value();
  REQUIRE(f.runs("count") == before + 20);
  REQUIRE(report.chosen == 20);
  REQUIRE(report.checked == 20);
  REQUIRE(report.count(AuditOutcome::equal) == 20);
  REQUIRE(report.findings.empty());
  REQUIRE(f.store->ledger().diverged().value().empty());
}

TEST_CASE("audit: a changed answer is found, told in detail, kept in the ledger, and never stored") {
  AuditFixture f;
  const Address address = f.compute(7);
  f.changed = true;
  const AuditReport report = f.audit().value();
  REQUIRE(report.count(AuditOutcome::diverged) == 1);
  REQUIRE(report.findings.size() == 1);
  const AuditFinding& finding = report.findings.front();
  REQUIRE(finding.address == address);
  REQUIRE(finding.function.name == "count");
  REQUIRE(finding.error->code() == Errc::not_deterministic);
  for (const std::string_view part : {"value 7", "other 7"}) {
    REQUIRE(finding.error->message().find(Digest::of(as_bytes(part)).to_string()) != std::string::npos);
  }
  REQUIRE(finding.error->message().find("from byte 0 on") != std::string::npos);
  REQUIRE(as_text(*f.store->value(address).value()) == "value 7");

  const LedgerEntry entry = f.store->ledger().verdict(address).value().value();
  REQUIRE(entry.verdict == Verdict::diverged);
  REQUIRE(entry.seed == report.seed);
  REQUIRE(as_text(*f.store->ledger().values(address).value().first) == "value 7");
  REQUIRE(as_text(*f.store->ledger().values(address).value().other) == "other 7");
}

TEST_CASE("audit: a function that fails now is told apart from one that diverged") {
  AuditFixture f;
  const Address address = f.compute(7);
  f.throws = true;
  const AuditReport report = f.audit().value();
  REQUIRE(report.count(AuditOutcome::failed) == 1);
  REQUIRE(report.count(AuditOutcome::diverged) == 0);
  REQUIRE(report.findings.front().error->code() == Errc::function_failed);
  REQUIRE(report.findings.front().error->message().find("no luck") != std::string::npos);
  REQUIRE(f.store->ledger().verdict(address).value()->other.failed);
}

TEST_CASE("audit: what is wrong once in a thousand times is found by executing it often enough") {
  AuditFixture f;
  std::atomic<int> calls{0};
  f.add("rarely", [&calls](std::span<const Blob>, const Params&) -> Result<Blob> {
    return Blob::copy_of(++calls == 1'000 ? "wrong" : "right");
  });
  const Address address = f.recipe("rarely", {});
  REQUIRE(SyncExecutor(*f.store, f.registry).materialize(address).has_value());
  AuditOptions options;
  options.executions = 500;
  REQUIRE(f.audit(options)->count(AuditOutcome::equal) == 1);
  REQUIRE(f.audit(options)->count(AuditOutcome::diverged) == 1);
  REQUIRE(calls == 1'000);  // It stops at the first difference.
  REQUIRE(f.store->ledger().verdict(address).value()->times_verified == 999);
}

TEST_CASE("audit: what cannot be executed is skipped with the reason") {
  AuditFixture f;
  const Address leaf = f.leaf("x");
  const Address inner = f.recipe("id", {leaf});
  const Address outer = f.recipe("concat", {inner, leaf});
  REQUIRE(SyncExecutor(*f.store, f.registry).materialize(outer).has_value());
  // As if another process had stored it, with a function that we have not got.
  const Address foreign = f.store->put_recipe({{"foreign", "9"}, {}, {}}).value();
  const ComputedResult result{foreign, Blob::copy_of("f"), {}, {}};
  REQUIRE(f.store->put_results({&result, 1}).has_value());
  // And one whose input was never computed here.
  const Address orphan = f.store->put_recipe({{"id", "1"}, {f.recipe("concat", {foreign})}, {}}).value();
  const ComputedResult other{orphan, Blob::copy_of("f"), {}, {}};
  REQUIRE(f.store->put_results({&other, 1}).has_value());

  const AuditReport report = f.audit().value();
  REQUIRE(report.chosen == 4);
  REQUIRE(report.checked == 2);
  REQUIRE(report.count(AuditOutcome::equal) == 2);
  REQUIRE(report.count(AuditOutcome::missing_function) == 1);
  REQUIRE(report.count(AuditOutcome::missing_input) == 1);
  REQUIRE(report.findings.size() == 2);
}

TEST_CASE("audit: of a root, looks at what the root needs and at nothing else") {
  AuditFixture f;
  const Address inner = f.recipe("count", {}, {{"n", std::int64_t{1}}});
  const Address root = f.recipe("id", {inner});
  REQUIRE(SyncExecutor(*f.store, f.registry).materialize(root).has_value());
  f.compute(2);
  AuditOptions options;
  options.root = root;
  REQUIRE(f.audit(options)->chosen == 2);
  options.root = inner;
  REQUIRE(f.audit(options)->chosen == 1);
}

TEST_CASE("audit: a share, a number and a seed choose") {
  AuditFixture f;
  for (int i = 0; i < 400; ++i) f.compute(i);
  AuditOptions options;
  options.seed = 5;
  options.fraction = 0.25;
  const std::uint64_t quarter = f.audit(options)->chosen;
  REQUIRE(quarter > 60);
  REQUIRE(quarter < 140);
  REQUIRE(f.audit(options)->chosen == quarter);
  options.count = 10;
  REQUIRE(f.audit(options)->checked == 10);
  options.fraction = 0;
  REQUIRE(f.audit(options)->chosen == 0);
}

TEST_CASE("audit: is stopped between two recipes, and says what it did not reach") {
  AuditFixture f;
  for (int i = 0; i < 20; ++i) f.compute(i);
  AuditOptions options;
  std::stop_source stop;
  SECTION("by its caller") {
    options.stop = stop.get_token();
    options.progress = [&stop](const AuditReport& report) {
      if (report.checked == 5) stop.request_stop();
    };
    const AuditReport report = f.audit(options).value();
    REQUIRE(report.checked == 5);
    REQUIRE(report.count(AuditOutcome::not_reached) == 15);
  }
  SECTION("by the time") {
    options.time_budget = std::chrono::nanoseconds(1);
    REQUIRE(f.audit(options)->count(AuditOutcome::not_reached) > 0);
  }
}

TEST_CASE("audit: several threads check each recipe once") {
  AuditFixture f;
  for (int i = 0; i < 200; ++i) f.compute(i);
  f.add("slowly", [](std::span<const Blob>, const Params&) -> Result<Blob> { return Blob(); });
  AuditOptions options;
  options.concurrency = 3;
  const int before = f.runs("count");
  REQUIRE(f.audit(options)->count(AuditOutcome::equal) == 200);
  REQUIRE(f.runs("count") == before + 200);
  for (const auto& [address, entry] : f.store->ledger().diverged().value()) FAIL(address.to_string());
}

TEST_CASE("audit: coroutine functions are executed to their end") {
  AuditFixture f;
  f.add_async("later", [](std::vector<Blob> inputs, Params, Context&) -> boost::asio::awaitable<Blob> {
    co_return inputs.at(0);
  });
  const Address address = f.recipe("later", {f.leaf("x")});
  REQUIRE(SyncExecutor(*f.store, f.registry).materialize(address).has_value());
  REQUIRE(f.audit()->count(AuditOutcome::equal) == 1);
  REQUIRE(f.runs("later") == 2);
}

TEST_CASE("audit: options that mean nothing are refused") {
  AuditFixture f;
  f.compute(1);
  AuditOptions options;
  SECTION("a share below 0") { options.fraction = -0.1; }
  SECTION("a share above 1") { options.fraction = 1.1; }
  SECTION("a share that is no number") { options.fraction = std::numeric_limits<double>::quiet_NaN(); }
  SECTION("no executions") { options.executions = 0; }
  SECTION("no thread") { options.concurrency = 0; }
  const int before = f.runs("count");
  REQUIRE(f.audit(options).error().code() == Errc::invalid_argument);
  REQUIRE(f.runs("count") == before);
}

}  // namespace
}  // namespace deriva::test
