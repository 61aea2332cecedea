#include <deriva/store/ledger.hpp>

#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"
#include "unit/storage/storage_fixture.hpp"

namespace deriva::test {
namespace {

using std::chrono::nanoseconds;
using Time = std::chrono::sys_time<nanoseconds>;

struct LedgerFixture {
  explicit LedgerFixture(LedgerOptions with = {})
      : options(with),
        environment(Environment::open(directory.store(), {.durability = Durability::relaxed}).value()),
        ledger(Ledger::open(*environment, options).value()) {}

  Result<void> record(const Comparison& comparison) {
    return environment->write([&](WriteTransaction& transaction) { return ledger->record(transaction, comparison); });
  }
  void reopen() {
    ledger.reset();
    environment.reset();
    environment.emplace(Environment::open(directory.store(), {.durability = Durability::relaxed}).value());
    ledger.emplace(Ledger::open(*environment, options).value());
  }

  TemporaryDirectory directory;
  LedgerOptions options;
  std::optional<Environment> environment;
  std::optional<Ledger> ledger;
};

Address named(std::string_view text) { return Address::of_leaf(as_bytes(text)); }
Execution returned(std::string_view value) { return {Digest::of(as_bytes(value)), value.size(), false}; }

Comparison comparison(const Address& address, std::string_view first, std::string_view other) {
  Comparison made;
  made.address = address;
  made.first = returned(first);
  made.other = returned(other);
  if (first != other) {
    made.first_difference = 3;
    made.first_value = Blob::copy_of(first);
    made.other_value = Blob::copy_of(other);
  }
  made.at = Time(nanoseconds(1'700'000'000'000'000'001));
  made.seed = 77;
  return made;
}

TEST_CASE("ledger: says nothing of what was never verified") {
  const LedgerFixture f;
  REQUIRE_FALSE(f.ledger->verdict(named("a")).value());
  REQUIRE(f.ledger->diverged().value().empty());
  REQUIRE_FALSE(f.ledger->values(named("a")).value().first);
}

TEST_CASE("ledger: an entry loses nothing in a restart") {
  LedgerFixture f;
  Comparison seen = comparison(named("a"), "one", "one, too");
  SECTION("two values") {}
  SECTION("the other one failed") {
    seen.other = {{}, 0, true};
    seen.other_value = {};
    seen.first_difference.reset();
  }
  SECTION("the first one failed") {
    seen.first = {{}, 0, true};
    seen.first_value = {};
    seen.first_difference.reset();
  }
  REQUIRE(f.record(seen).has_value());
  f.reopen();
  const LedgerEntry expected{Verdict::diverged,     1,       1,        seen.first, seen.other,
                             seen.first_difference, seen.at, seen.seed};
  REQUIRE(f.ledger->verdict(named("a")).value() == expected);
  const DivergentValues values = f.ledger->values(named("a")).value();
  REQUIRE(values.first.has_value() == !seen.first.failed);
  REQUIRE(values.other.has_value() == !seen.other.failed);
  if (values.first) REQUIRE(as_text(*values.first) == "one");
  if (values.other) REQUIRE(as_text(*values.other) == "one, too");
}

TEST_CASE("ledger: agreements are counted, and the last one is described") {
  LedgerFixture f;
  Comparison seen = comparison(named("a"), "one", "one");
  REQUIRE(f.record(seen).has_value());
  seen.seed = 78;
  REQUIRE(f.record(seen).has_value());
  const LedgerEntry entry = f.ledger->verdict(named("a")).value().value();
  REQUIRE(entry.verdict == Verdict::agreed);
  REQUIRE(entry.times_verified == 2);
  REQUIRE(entry.times_diverged == 0);
  REQUIRE(entry.seed == 78);
  REQUIRE(f.ledger->diverged().value().empty());
  REQUIRE_FALSE(f.ledger->values(named("a")).value().first);
}

TEST_CASE("ledger: a divergence is not forgotten by agreeing afterwards") {
  LedgerFixture f;
  REQUIRE(f.record(comparison(named("a"), "one", "two")).has_value());
  REQUIRE(f.record(comparison(named("a"), "one", "one")).has_value());
  const LedgerEntry entry = f.ledger->verdict(named("a")).value().value();
  REQUIRE(entry.verdict == Verdict::diverged);
  REQUIRE(entry.times_verified == 2);
  REQUIRE(entry.times_diverged == 1);
  REQUIRE(entry.other == returned("two"));
}

TEST_CASE("ledger: lists those that diverged and no others, by address") {
  LedgerFixture f;
  std::vector<Address> expected;
  for (int i = 0; i < 40; ++i) {
    const Address address = named("recipe " + std::to_string(i));
    REQUIRE(f.record(comparison(address, "one", i % 4 == 0 ? "two" : "one")).has_value());
    if (i % 4 == 0) expected.push_back(address);
  }
  std::sort(expected.begin(), expected.end());
  std::vector<Address> listed;
  for (const auto& [address, entry] : f.ledger->diverged().value()) {
    listed.push_back(address);
    REQUIRE(entry.verdict == Verdict::diverged);
  }
  REQUIRE(listed == expected);

  std::size_t visits = 0;
  auto once = [&](const Address&, const LedgerEntry&) { return ++visits, false; };
  REQUIRE(f.ledger->for_each_diverged(once).has_value());
  REQUIRE(visits == 1);
}

TEST_CASE("ledger: what is cleared is gone with its values, and nothing else is") {
  LedgerFixture f;
  REQUIRE(f.record(comparison(named("a"), "one", "two")).has_value());
  REQUIRE(f.record(comparison(named("b"), "three", "four")).has_value());
  REQUIRE(f.record(comparison(named("c"), "five", "five")).has_value());
  REQUIRE(f.ledger->clear(named("a")).value());
  REQUIRE(f.ledger->clear(named("c")).value());
  REQUIRE_FALSE(f.ledger->clear(named("a")).value());
  REQUIRE_FALSE(f.ledger->verdict(named("a")).value());
  REQUIRE_FALSE(f.ledger->verdict(named("c")).value());
  REQUIRE(f.ledger->diverged().value().size() == 1);
  REQUIRE(as_text(*f.ledger->values(named("b")).value().other) == "four");
  // It begins again as if nothing had been.
  REQUIRE(f.record(comparison(named("a"), "one", "one")).has_value());
  REQUIRE(f.ledger->verdict(named("a")).value()->verdict == Verdict::agreed);
  REQUIRE_FALSE(f.ledger->values(named("a")).value().first);
}

TEST_CASE("ledger: keeps no value above the bounds, and has room again for what is cleared") {
  LedgerFixture f({.largest_kept_value = 10, .kept_bytes = 20});
  REQUIRE(f.record(comparison(named("long"), "12345678901", "x")).has_value());
  REQUIRE_FALSE(f.ledger->values(named("long")).value().other);
  REQUIRE(f.ledger->verdict(named("long")).value()->first.size == 11);

  REQUIRE(f.record(comparison(named("a"), "1234567890", "123456789")).has_value());
  REQUIRE(f.ledger->values(named("a")).value().first);
  REQUIRE(f.record(comparison(named("b"), "x", "y")).has_value());
  REQUIRE_FALSE(f.ledger->values(named("b")).value().first);

  // A later divergence of the same recipe takes the place of the earlier one.
  REQUIRE(f.record(comparison(named("a"), "1234567890", "abcdefghij")).has_value());
  REQUIRE(as_text(*f.ledger->values(named("a")).value().other) == "abcdefghij");

  REQUIRE(f.ledger->clear(named("a")).value());
  REQUIRE(f.record(comparison(named("b"), "x", "y")).has_value());
  REQUIRE(as_text(*f.ledger->values(named("b")).value().first) == "x");
}

TEST_CASE("ledger: what a transaction recorded goes with it") {
  LedgerFixture f;
  const auto undone = f.environment->write([&](WriteTransaction& transaction) -> Result<void> {
    REQUIRE(f.ledger->record(transaction, comparison(named("a"), "one", "two")).has_value());
    REQUIRE(f.ledger->verdict(transaction, named("a")).value());
    return Error(Errc::invalid_argument);
  });
  REQUIRE_FALSE(undone.has_value());
  REQUIRE_FALSE(f.ledger->verdict(named("a")).value());
}

TEST_CASE("ledger: damaged entries and values are not passed on") {
  LedgerFixture f;
  REQUIRE(f.record(comparison(named("a"), "one", "two")).has_value());
  const auto table = Table<BytesView, BytesView>::open(*f.environment, "ledger").value();
  const auto overwrite = [&](std::uint8_t kind, std::string_view bytes) {
    std::vector<std::byte> key{std::byte{kind}};
    const Address address = named("a");
    key.insert(key.end(), address.bytes().begin(), address.bytes().end());
    REQUIRE(f.environment
                ->write([&](WriteTransaction& transaction) { return table.put(transaction, key, as_bytes(bytes)); })
                .has_value());
  };
  SECTION("a value") {
    overwrite(4, "twO");
    REQUIRE(f.ledger->values(named("a")).error().code() == Errc::corrupted);
  }
  SECTION("an entry") {
    overwrite(1, "short");
    REQUIRE(f.ledger->verdict(named("a")).error().code() == Errc::corrupted);
    REQUIRE(f.ledger->diverged().error().code() == Errc::corrupted);
  }
}

}  // namespace
}  // namespace deriva::test
