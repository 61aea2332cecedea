// Removing recipes, with all that is known of them.
#include <optional>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "unit/store/store_fixture.hpp"

namespace deriva::test {
namespace {

Comparison divergence_of(const Address& address) {
  Comparison comparison;
  comparison.address = address;
  comparison.first_value = Blob::copy_of("one");
  comparison.other_value = Blob::copy_of("another");
  comparison.first = {Digest::of(comparison.first_value), 3, false};
  comparison.other = {Digest::of(comparison.other_value), 7, false};
  return comparison;
}

TEST_CASE("store removal: a result, an edge or a ledger entry outlives its recipe") {
  StoreFixture f;
  const Address leaf = f.store->put_leaf(as_bytes("a")).value();
  const Address address = f.store->put_recipe(recipe_of("f", {leaf})).value();
  const Comparison comparison = divergence_of(address);
  const std::vector<ComputedResult> results{computed(address, "value")};
  REQUIRE(f.store->put_results(results, {&comparison, 1}).has_value());
  REQUIRE(f.store->remove(address).value());
  for (int i = 0; i < 2; ++i) {
    REQUIRE_FALSE(f.store->recipe(address).value());
    REQUIRE_FALSE(f.store->value(address).value());
    REQUIRE_FALSE(f.store->result(address).value());
    REQUIRE(f.store->dag().direct_dependents(leaf).value().empty());
    REQUIRE_FALSE(f.store->ledger().verdict(address).value());
    REQUIRE(f.store->ledger().diverged().value().empty());
    REQUIRE_FALSE(f.store->ledger().values(address).value().first);
    REQUIRE(f.store->stats().value().results == 0);
    REQUIRE(f.store->value(leaf).value());
    f.reopen();
  }
  REQUIRE_FALSE(f.store->remove(address).value());
}

TEST_CASE("store removal: a recipe that others depend on goes, or a part of it does") {
  StoreFixture f;
  const Address inner = f.store->put_recipe(recipe_of("f")).value();
  const Address outer = f.store->put_recipe(recipe_of("g", {inner})).value();
  const Comparison comparison = divergence_of(inner);
  const std::vector<ComputedResult> results{computed(inner, "value")};
  REQUIRE(f.store->put_results(results, {&comparison, 1}).has_value());
  const Result<bool> refused = f.store->remove(inner);
  REQUIRE(refused.error().code() == Errc::invalid_argument);
  REQUIRE(f.store->recipe(inner).value());
  REQUIRE(as_text(*f.store->value(inner).value()) == "value");
  REQUIRE(f.store->ledger().verdict(inner).value());

  REQUIRE(f.store->force_remove(inner).value());
  REQUIRE_FALSE(f.store->value(inner).value());
  REQUIRE_FALSE(f.store->ledger().verdict(inner).value());
  REQUIRE(f.store->dag().direct_dependents(inner).value() == std::vector<Address>{outer});
  REQUIRE_FALSE(f.store->force_remove(inner).value());
}

TEST_CASE("store removal: something is removed for an address that has no recipe") {
  StoreFixture f;
  const Address leaf = f.store->put_leaf(as_bytes("a")).value();
  REQUIRE(f.store->put_recipe(recipe_of("f", {leaf})).has_value());
  REQUIRE_FALSE(f.store->remove(named("never stored")).value());
  REQUIRE_FALSE(f.store->remove(leaf).value());
  REQUIRE_FALSE(f.store->force_remove(leaf).value());
  REQUIRE(f.store->value(leaf).value());
  REQUIRE(f.store->stats().value().recipes == 1);
}

TEST_CASE("store removal: a recipe that comes back has a result already") {
  StoreFixture f;
  const Address address = f.store->put_recipe(recipe_of("f")).value();
  const std::vector<ComputedResult> first{computed(address, "first")};
  const std::vector<ComputedResult> second{computed(address, "second")};
  REQUIRE(f.store->put_results(first).has_value());
  REQUIRE(f.store->remove(address).value());
  REQUIRE(f.store->put_recipe(recipe_of("f")).value() == address);
  REQUIRE_FALSE(f.store->value(address).value());
  REQUIRE(f.store->put_results(second).has_value());
  REQUIRE(as_text(*f.store->value(address).value()) == "second");
}

}  // namespace
}  // namespace deriva::test
