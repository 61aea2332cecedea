#include <deriva/store/impact.hpp>

#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"
#include "unit/store/store_fixture.hpp"

namespace deriva::test {
namespace {

using std::chrono::nanoseconds;

/// x <- a, b; a, b <- c; y <- d. Computed: a (3 bytes), c (5 bytes), d (7 bytes), 42 ns each.
struct ImpactFixture : StoreFixture {
  ImpactFixture() {
    a = put("f", "1", {named("x")});
    b = put("f", "2", {named("x")});
    c = put("g", "1", {a, b});
    d = put("f", "1", {named("y")});
    compute(a, "aaa");
    compute(c, "ccccc");
    compute(d, "ddddddd");
  }
  Address put(std::string name, std::string version, std::vector<Address> inputs) {
    return store->put_recipe({{std::move(name), std::move(version)}, std::move(inputs), {}}).value();
  }
  void compute(const Address& address, std::string_view value) {
    const ComputedResult result = computed(address, value);
    REQUIRE(store->put_results({&result, 1}).has_value());
  }
  Address a, b, c, d;
};

void require(const Result<Impact>& impact, std::uint64_t recipes, std::uint64_t stored, std::uint64_t bytes) {
  REQUIRE(impact->recipes == recipes);
  REQUIRE(impact->computed == stored);
  REQUIRE(impact->bytes == bytes);
  REQUIRE(impact->compute_time == nanoseconds(42) * static_cast<int>(stored));
}

TEST_CASE("impact: follows what functions asked for while they ran, and what depends on that") {
  ImpactFixture f;
  const Address asker = f.put("h", "1", {});
  const Address above = f.put("g", "1", {asker, f.c});
  ComputedResult result = computed(asker, "e");
  result.context.discovered = {f.a, named("z")};
  REQUIRE(f.store->put_results({&result, 1}).has_value());
  REQUIRE(f.store->discovered_inputs(asker).value() == result.context.discovered);
  REQUIRE(f.store->discovered_dependents(named("z")).value() == std::vector<Address>{asker});
  const auto of = [&](std::vector<Address> changed) { return impact_of(*f.store, changed); };
  require(of({named("x")}), 5, 3, 9);
  require(of({named("z")}), 2, 1, 1);
  require(of({above}), 1, 0, 0);
}

TEST_CASE("impact: of a leaf, counts what depends on it once") {
  const ImpactFixture f;
  const auto of = [&](std::vector<Address> changed) { return impact_of(*f.store, changed); };
  require(of({named("x")}), 3, 2, 8);
  require(of({named("y")}), 1, 1, 7);
  require(of({named("x"), named("y"), named("x")}), 4, 3, 15);
  require(of({named("unknown")}), 0, 0, 0);
  require(of({}), 0, 0, 0);
}

TEST_CASE("impact: a recipe counts itself, also when another change includes it") {
  const ImpactFixture f;
  const auto of = [&](std::vector<Address> changed) { return impact_of(*f.store, changed); };
  require(of({f.c}), 1, 1, 5);
  require(of({f.b}), 2, 1, 5);
  require(of({f.c, f.b, f.a}), 3, 2, 8);
}

TEST_CASE("impact: of a function, in one version or all of them") {
  const ImpactFixture f;
  require(impact_of_function(*f.store, "f", "1"), 3, 3, 15);
  require(impact_of_function(*f.store, "f", "2"), 2, 1, 5);
  require(impact_of_function(*f.store, "f"), 4, 3, 15);
  require(impact_of_function(*f.store, "g"), 1, 1, 5);
  require(impact_of_function(*f.store, "h"), 0, 0, 0);
}

}  // namespace
}  // namespace deriva::test
