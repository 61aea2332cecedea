// What an audit looks at, how long, on how many threads, and what it tells meanwhile.

#include <atomic>
#include <barrier>
#include <limits>
#include <numeric>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "support/catch.hpp"
#include "unit/compute/audit_fixture.hpp"

namespace deriva::test {
namespace {

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

TEST_CASE("audit: the first of thousands of executions is waited for after a stop, or passes for all of them") {
  AuditFixture f;
  std::stop_source stop;
  f.add("stops", [&](std::span<const Blob>, const Params&) {
    if (f.runs("stops") == 1 + 5) stop.request_stop();
    return Blob::copy_of("x");
  });
  const Address address = f.recipe("stops", {});
  REQUIRE(SyncExecutor(*f.store, f.registry).materialize(address).has_value());
  AuditOptions options;
  options.executions = 1'000;
  options.stop = stop.get_token();
  const AuditReport report = f.audit(options).value();
  REQUIRE(f.runs("stops") == 1 + 5);
  REQUIRE(report.count(AuditOutcome::not_reached) == 1);
  REQUIRE(report.checked == 0);
  REQUIRE(report.findings.empty());
  REQUIRE(f.store->ledger().verdict(address).value()->times_verified == 5);
}

TEST_CASE("audit: verdicts wait in memory until all is executed") {
  AuditFixture f;
  const Address address = f.compute(1);
  f.compute(2);
  AuditOptions options;
  options.executions = 1'000;
  std::uint64_t written = 0;
  options.progress = [&](const AuditReport& report) {
    if (report.checked > 1) return;
    for (std::int64_t n = 1; n <= 2; ++n) {
      const auto entry = f.store->ledger().verdict(f.recipe("count", {}, {{"n", n}})).value();
      if (entry) written += entry->times_verified;
    }
  };
  REQUIRE(f.audit(options)->checked == 2);
  REQUIRE(written >= 500);
  REQUIRE(f.store->ledger().verdict(address).value()->times_verified == 1'000);
}

TEST_CASE("audit: lists more findings than it may, or counts only those") {
  AuditFixture f;
  for (int i = 0; i < 10; ++i) f.compute(i);
  f.changed = true;
  AuditOptions options;
  options.listed_findings = 3;
  const AuditReport report = f.audit(options).value();
  REQUIRE(report.findings.size() == 3);
  REQUIRE(report.count(AuditOutcome::diverged) == 10);
  REQUIRE(report.checked == 10);
  REQUIRE(f.store->ledger().diverged()->size() == 10);
}

TEST_CASE("audit: progress is told late, at the same time by two threads, or its exception ends the audit") {
  AuditFixture f;
  for (int i = 0; i < 100; ++i) f.compute(i);
  AuditOptions options;
  options.concurrency = 3;
  std::vector<std::uint64_t> told;
  std::atomic<int> inside{0};
  std::atomic<bool> overlaps{false};
  options.progress = [&](const AuditReport& report) {
    if (++inside != 1) overlaps = true;
    told.push_back(report.checked);
    --inside;
    throw std::runtime_error("not interested");
  };
  REQUIRE(f.audit(options)->count(AuditOutcome::equal) == 100);
  std::vector<std::uint64_t> expected(100);
  std::iota(expected.begin(), expected.end(), 1U);
  REQUIRE(told == expected);
  REQUIRE_FALSE(overlaps);
}

TEST_CASE("audit: functions run one after the other though more may run at the same time") {
  AuditFixture f;
  std::barrier<> three(3);
  std::atomic<bool> together{false};
  f.add("meets", [&](std::span<const Blob>, const Params&) {
    if (together) three.arrive_and_wait();  // For ever, if they do.
    return Blob::copy_of("x");
  });
  for (std::int64_t i = 0; i < 3; ++i) {
    REQUIRE(SyncExecutor(*f.store, f.registry).materialize(f.numbered("meets", i)).has_value());
  }
  together = true;
  AuditOptions options;
  options.concurrency = 3;
  REQUIRE(f.audit(options)->count(AuditOutcome::equal) == 3);
}

TEST_CASE("audit: returns before its last recipe is checked") {
  AuditFixture f;
  const std::thread::id caller = std::this_thread::get_id();
  std::barrier<> both(2);
  std::atomic<bool> auditing{false};
  std::atomic<bool> one_is_done{false};
  f.add("late", [&](std::span<const Blob>, const Params&) {
    if (!auditing) return Blob();
    both.arrive_and_wait();
    if (std::this_thread::get_id() == caller) return Blob();
    while (!one_is_done) std::this_thread::yield();
    for (int i = 0; i < 1'000; ++i) std::this_thread::yield();  // For the caller to leave, if it does.
    return Blob();
  });
  for (std::int64_t i = 0; i < 2; ++i) {
    REQUIRE(SyncExecutor(*f.store, f.registry).materialize(f.numbered("late", i)).has_value());
  }
  auditing = true;
  AuditOptions options;
  options.concurrency = 2;
  options.progress = [&](const AuditReport&) { one_is_done = true; };
  REQUIRE(f.audit(options)->checked == 2);
}

TEST_CASE("audit: waits for an I/O executor that nobody runs") {
  AuditFixture f;
  for (int i = 0; i < 10; ++i) f.compute(i);
  boost::asio::io_context idle;
  AuditOptions options;
  options.concurrency = 3;
  REQUIRE(deriva::audit(idle.get_executor(), *f.store, f.registry, options)->checked == 10);
  f.store.reset();  // What comes too late touches nothing.
  REQUIRE(idle.run() == 2);
}

TEST_CASE("audit: without a seed chooses the same each time, or does not tell its seed") {
  AuditFixture f;
  for (int i = 0; i < 50; ++i) f.compute(i);
  AuditOptions options;
  options.count = 5;
  std::set<std::uint64_t> seeds;
  for (int i = 0; i < 5; ++i) seeds.insert(f.audit(options)->seed);
  REQUIRE(seeds.size() == 5);
  options.seed = *seeds.begin();
  REQUIRE(f.audit(options)->seed == *seeds.begin());
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
