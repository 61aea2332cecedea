#include <deriva/compute/audit.hpp>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include <deriva/storage/environment.hpp>
#include <deriva/storage/table.hpp>

#include "support/catch.hpp"
#include "unit/compute/audit_fixture.hpp"
#include "unit/compute/events_fixture.hpp"

namespace deriva::test {
namespace {

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

TEST_CASE("audit: functions that take a context, or ask for other values, pass for ones that fail") {
  AuditFixture f;
  f.registry.add({"plain", "1"}, [](std::span<const Blob>, const Params&, Context& context) {
    return Blob::copy_of(context.address().to_string());
  });
  const Address asked = f.numbered("id", 1, {f.leaf("x")});
  f.add_async("asks", [&](std::vector<Blob>, Params, Context& context) -> boost::asio::awaitable<Result<Blob>> {
    co_return co_await context.materialize(asked);
  });
  const Address root = f.recipe("concat", {f.recipe("plain", {}), f.recipe("asks", {})});
  REQUIRE(SyncExecutor(*f.store, f.registry).materialize(root).has_value());
  SECTION("they are equal") {
    REQUIRE(f.audit()->count(AuditOutcome::equal) == 4);
    REQUIRE(f.store->ledger().diverged().value().empty());
    REQUIRE(f.runs("id") == 2);  // Not for the one that asks.
  }
  SECTION("what is asked for is not stored any more") {
    REQUIRE(f.store->remove(asked).value());
    const AuditReport report = f.audit().value();
    REQUIRE(report.count(AuditOutcome::missing_input) == 1);
    REQUIRE(report.count(AuditOutcome::equal) == 2);
    REQUIRE_FALSE(f.store->ledger().verdict(f.recipe("asks", {})).value());
  }
}

TEST_CASE("audit: a failure that may pass is taken for a divergence") {
  AuditFixture f;
  bool is_down = false;
  f.add("fetches", [&](std::span<const Blob>, const Params&) -> Result<Blob> {
    if (is_down) return Error(Errc::io_error, "no connection").with_class(ErrorClass::transient);
    return Blob::copy_of("page");
  });
  const Address address = f.recipe("fetches", {});
  REQUIRE(SyncExecutor(*f.store, f.registry).materialize(address).has_value());
  is_down = true;
  const AuditReport report = f.audit().value();
  REQUIRE(report.count(AuditOutcome::failed) == 1);
  REQUIRE(report.findings.front().error->message().find("no connection") != std::string::npos);
  REQUIRE_FALSE(f.store->ledger().verdict(address).value());
}

TEST_CASE("audit: a value that is gone is not compared with its record") {
  AuditFixture f;
  f.add("large",
        [&](std::span<const Blob>, const Params&) { return Blob::copy_of(std::string(1'000, f.changed ? 'b' : 'a')); });
  const Address address = f.recipe("large", {});
  REQUIRE(SyncExecutor(*f.store, f.registry).materialize(address).has_value());
  f.evict(address);
  REQUIRE(f.audit()->count(AuditOutcome::equal) == 1);
  f.changed = true;
  REQUIRE(f.audit()->count(AuditOutcome::diverged) == 1);
  REQUIRE_FALSE(f.store->value(address).value());
  REQUIRE_FALSE(f.store->ledger().verdict(address).value()->first_difference);
  const DivergentValues values = f.store->ledger().values(address).value();
  REQUIRE_FALSE(values.first);
  REQUIRE(values.other->size() == 1'000);
}

TEST_CASE("audit: observers of the store are not told, or an unknown root is audited") {
  AuditFixture f;
  f.compute(1);
  f.changed = true;
  const auto recorder = std::make_shared<Recorder>();
  f.hub->attach(recorder);
  AuditOptions options;
  options.root = f.leaf("x");
  REQUIRE(f.audit(options)->chosen == 0);
  options.root = Address();
  const Result<AuditReport> unknown = f.audit(options);
  REQUIRE((!unknown || unknown->chosen == 0));
  REQUIRE(f.audit()->checked == 1);
  f.hub->flush();
  REQUIRE(only<event::Verified>(recorder->take()).verdict == event::Verdict::different);
  f.throws = true;
  REQUIRE(f.audit()->checked == 1);
  f.hub->flush();
  REQUIRE(only<event::Verified>(recorder->take()).verdict == event::Verdict::failed_on_rerun);
}

TEST_CASE("audit: one damaged value keeps the others from being audited") {
  AuditFixture f;
  const std::string text(100, 'a');  // A smaller one would not be stored by its digest.
  const Address above = f.recipe("id", {f.leaf(text)});
  REQUIRE(OnThisThread(f).executor.materialize(above, durable()).has_value());
  for (int i = 0; i < 5; ++i) f.compute(i);
  auto environment = Environment::open(f.directory.path(), {.durability = Durability::relaxed}).value();
  const auto blobs = Table<Digest, BytesView>::open(environment, "blobs").value();
  REQUIRE(environment
              .write([&](WriteTransaction& transaction) {
                return blobs.put(transaction, Digest::of(as_bytes(text)), as_bytes("b"));
              })
              .has_value());
  const AuditReport report = f.audit().value();
  REQUIRE(report.chosen == 6);
  REQUIRE(report.count(AuditOutcome::equal) == 5);
  REQUIRE(report.count(AuditOutcome::failed) == 1);
  REQUIRE(report.findings.size() == 1);
  REQUIRE(report.findings[0].address == above);
  REQUIRE(report.findings[0].error->code() == Errc::corrupted);
}

}  // namespace
}  // namespace deriva::test
