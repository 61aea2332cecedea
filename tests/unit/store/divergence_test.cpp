#include <deriva/store/divergence.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"
#include "unit/store/store_fixture.hpp"

namespace deriva::test {
namespace {

/// a, b <- c <- d <- e; b <- f. Leaves: x.
struct DivergenceFixture : StoreFixture {
  DivergenceFixture() {
    a = put("a", {named("x")});
    b = put("b", {named("x")});
    c = put("c", {a, b});
    d = put("d", {c});
    e = put("e", {d});
    f = put("f", {b});
  }
  Address put(std::string name, std::vector<Address> inputs) {
    return store->put_recipe(recipe_of(std::move(name), std::move(inputs))).value();
  }
  void compare(const Address& address, std::string_view first, std::string_view other) {
    Comparison comparison;
    comparison.address = address;
    comparison.first = {Digest::of(as_bytes(first)), first.size(), false};
    comparison.other = {Digest::of(as_bytes(other)), other.size(), false};
    REQUIRE(store->put_results({}, {&comparison, 1}).has_value());
  }
  void diverge(const Address& address) { compare(address, "one", "two"); }
  void compute(const Address& address) {
    const ComputedResult result = computed(address, "value");
    REQUIRE(store->put_results({&result, 1}).has_value());
  }

  Address a, b, c, d, e, f;
};

std::vector<Address> sorted(std::vector<Address> addresses) {
  std::sort(addresses.begin(), addresses.end());
  return addresses;
}

TEST_CASE("first divergent: none without a divergence, whatever agreed") {
  DivergenceFixture g;
  g.compare(g.a, "one", "one");
  REQUIRE(first_divergent(*g.store, g.e).value().empty());
}

TEST_CASE("first divergent: finds the causes and not their consequences") {
  DivergenceFixture g;
  g.diverge(g.d);
  REQUIRE(first_divergent(*g.store, g.e).value() == std::vector{g.d});
  g.diverge(g.a);
  REQUIRE(first_divergent(*g.store, g.e).value() == std::vector{g.a});
  g.diverge(g.b);
  REQUIRE(first_divergent(*g.store, g.e).value() == sorted({g.a, g.b}));
  REQUIRE(g.store->ledger().clear(g.a).value());
  REQUIRE(g.store->ledger().clear(g.b).value());
  REQUIRE(first_divergent(*g.store, g.e).value() == std::vector{g.d});
}

TEST_CASE("first divergent: what the root does not need is not its cause") {
  DivergenceFixture g;
  g.diverge(g.f);
  g.diverge(g.a);
  REQUIRE(first_divergent(*g.store, g.f).value() == std::vector{g.f});
  REQUIRE(first_divergent(*g.store, g.b).value().empty());
  g.diverge(g.b);
  REQUIRE(first_divergent(*g.store, g.f).value() == std::vector{g.b});
  REQUIRE(first_divergent(*g.store, g.b).value() == std::vector{g.b});
}

TEST_CASE("taint: lists what was computed from it, dependencies first, and nothing else") {
  DivergenceFixture g;
  REQUIRE(taint(*g.store, g.a).value().empty());
  for (const Address& address : {g.e, g.a, g.c, g.f}) g.compute(address);
  REQUIRE(taint(*g.store, g.a).value() == std::vector{g.c, g.e});
  REQUIRE(taint(*g.store, g.b).value().size() == 3);
  REQUIRE(taint(*g.store, named("x")).value().size() == 4);
  REQUIRE(taint(*g.store, g.e).value().empty());
  REQUIRE(taint(*g.store, named("unknown")).value().empty());
}

/// z was asked for by "asker" while it ran, and that by "over", whose result is an input of "top".
struct AskedFixture : DivergenceFixture {
  AskedFixture() {
    asker = put("asker", {});
    over = put("over", {});
    top = put("top", {over});
    ask(asker, {named("z"), a});
    ask(over, {asker});
    compute(top);
  }
  void ask(const Address& address, std::vector<Address> wanted) {
    ComputedResult result = computed(address, "value");
    result.context.discovered = std::move(wanted);
    REQUIRE(store->put_results({&result, 1}).has_value());
  }
  Address asker, over, top;
};

TEST_CASE("taint: what a function asked for while it ran taints nothing") {
  AskedFixture g;
  REQUIRE(taint(*g.store, named("z")).value() == std::vector{g.asker, g.over, g.top});
  REQUIRE(taint(*g.store, g.over).value() == std::vector{g.top});
  g.compute(g.c);
  REQUIRE(sorted(taint(*g.store, g.a).value()) == sorted({g.c, g.asker, g.over, g.top}));
}

TEST_CASE("taint: functions that asked in a circle are followed for ever") {
  AskedFixture g;
  g.ask(g.put("circle", {g.top}), {g.put("circle", {g.top})});
  const Address first = g.put("first", {});
  const Address second = g.put("second", {first});
  g.ask(first, {second});
  g.compute(second);
  REQUIRE(taint(*g.store, first).value() == std::vector{second});
  REQUIRE(taint(*g.store, g.asker).value().size() == 3);
}

TEST_CASE("first divergent: what asked for a divergence passes for a cause, or the cause is not found") {
  AskedFixture g;
  g.diverge(g.a);
  REQUIRE(first_divergent(*g.store, g.top).value() == std::vector{g.a});
  g.diverge(g.over);
  REQUIRE(first_divergent(*g.store, g.top).value() == std::vector{g.a});
  REQUIRE(g.store->ledger().clear(g.a).value());
  REQUIRE(first_divergent(*g.store, g.top).value() == std::vector{g.over});
}

}  // namespace
}  // namespace deriva::test
