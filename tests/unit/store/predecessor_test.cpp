#include "store/predecessor.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "unit/store/store_fixture.hpp"

namespace deriva::test {
namespace {

using detail::PredecessorLimits;
using detail::StoreReader;

struct PredecessorFixture : StoreFixture {
  Address recipe(const std::string& function, std::vector<Address> inputs, deriva::Params params = {}) {
    return store->put_recipe(recipe_of(function, std::move(inputs), std::move(params))).value();
  }
  Address done(const std::string& function, std::vector<Address> inputs, deriva::Params params = {}) {
    const Address address = recipe(function, std::move(inputs), std::move(params));
    ComputedResult result = computed(address, "value");
    result.computed_at += std::chrono::seconds(++results_);
    REQUIRE(store->put_results({&result, 1}).has_value());
    return address;
  }
  std::optional<Address> find(const Address& target, const PredecessorLimits& limits = {}) {
    std::optional<Address> found;
    const auto search = [&](StoreReader& reader) {
      const auto id = detail::find_predecessor(reader, *reader.find(target), limits).value();
      if (id) found = reader.address(*id);
    };
    REQUIRE(detail::read(*store, search).has_value());
    return found;
  }

 private:
  int results_ = 0;  ///< Each is later than the one before.
};

TEST_CASE("predecessor: what shares fewer inputs, has no result, or is another function is taken") {
  PredecessorFixture f;
  const Address target = f.recipe("f", {named("a"), named("b"), named("c")});
  CHECK(f.find(target) == std::nullopt);
  f.recipe("f", {named("a"), named("b"), named("never computed")});
  f.done("g", {named("a"), named("b"), named("another function")});
  CHECK(f.find(target) == std::nullopt);
  const Address far = f.done("f", {named("a"), named("x"), named("y")});
  CHECK(f.find(target) == far);
  const Address near = f.done("f", {named("z"), named("b"), named("c")});
  f.done("f", {named("a"), named("v"), named("w")});
  CHECK(f.find(target) == near);
}

TEST_CASE("predecessor: of those that share as many inputs, one with other params is taken") {
  PredecessorFixture f;
  const Address same = f.done("f", {named("a"), named("b")}, {{"n", std::int64_t{1}}});
  f.done("f", {named("a"), named("c")}, {{"n", std::int64_t{2}}});
  CHECK(f.find(f.recipe("f", {named("a"), named("d")}, {{"n", std::int64_t{1}}})) == same);
}

TEST_CASE("predecessor: what was computed later than the recipe itself is taken") {
  PredecessorFixture f;
  const Address first = f.done("f", {named("a"), named("b")});
  const Address second = f.done("f", {named("a"), named("c")});
  CHECK(f.find(second) == first);
  CHECK(f.find(first) == std::nullopt);
}

TEST_CASE("predecessor: a search goes on beyond its limits") {
  PredecessorFixture f;
  const Address before = f.done("f", {named("a"), named("b")});
  for (int i = 0; i < 5; ++i) f.done("g", {named("a"), named(std::to_string(i))});
  const Address target = f.recipe("f", {named("c"), named("a")});
  CHECK(f.find(target) == before);
  CHECK(f.find(target, {.inputs = 1}) == std::nullopt);
  PredecessorLimits few;
  few.dependents = 1;
  CHECK(f.find(f.recipe("g", {named("a"), named("last")}), few) == std::nullopt);

  const Address above = f.done("h", {f.done("h", {f.done("h", {before})})});
  const Address today = f.recipe("h", {f.recipe("h", {f.recipe("h", {target})})});
  CHECK(f.find(today) == above);
  CHECK(f.find(today, {.depth = 2}) == std::nullopt);
}

TEST_CASE("predecessor: a difference is not seen, or is one too many") {
  PredecessorFixture f;
  const Address before = f.done("f", {named("a"), named("b")}, {{"n", std::int64_t{1}}});
  const auto compare = [&](const Address& after) {
    std::optional<detail::Difference> difference;
    const auto use = [&](StoreReader& reader) {
      difference = detail::difference(reader, *reader.find(before), *reader.find(after)).value();
    };
    REQUIRE(detail::read(*f.store, use).has_value());
    return *difference;
  };
  const detail::Difference input = compare(f.recipe("f", {named("a"), named("x")}, {{"n", std::int64_t{1}}}));
  CHECK((!input.version && !input.params && input.input == 1U));
  const detail::Difference params = compare(f.recipe("f", {named("a"), named("b")}));
  CHECK((!params.version && params.params && !params.input));
  const detail::Difference fewer = compare(f.recipe("f", {named("a")}, {{"n", std::int64_t{1}}}));
  CHECK((!fewer.version && !fewer.params && fewer.input == 1U));
}

}  // namespace
}  // namespace deriva::test
