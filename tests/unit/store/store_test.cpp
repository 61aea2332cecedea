#include <deriva/store/store.hpp>

#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "unit/store/store_fixture.hpp"

namespace deriva::test {
namespace {

TEST_CASE("store: a leaf comes back under its SHA-256, also an empty and a large one") {
  StoreFixture f;
  for (const std::size_t size : {0U, 1U, 16'384U, 16'385U, 5'000'000U}) {
    const std::string bytes(size, 'x');
    const Address address = f.store->put_leaf(as_bytes(bytes)).value();
    REQUIRE(address == named(bytes));
    REQUIRE(as_text(*f.store->value(address).value()) == bytes);
    REQUIRE_FALSE(f.store->recipe(address).value());
  }
  f.reopen();
  REQUIRE(f.store->value(named(std::string(5'000'000, 'x'))).value()->size() == 5'000'000);
  REQUIRE(f.store->stats().value().values == 5);
}

TEST_CASE("store: what is not there is nothing, not an error") {
  const StoreFixture f;
  REQUIRE_FALSE(f.store->value(named("a")).value());
  REQUIRE_FALSE(f.store->recipe(named("a")).value());
  REQUIRE_FALSE(f.store->result(named("a")).value());
}

TEST_CASE("store: putting again changes nothing") {
  StoreFixture f;
  const Address leaf = f.store->put_leaf(as_bytes("a")).value();
  const Recipe recipe = recipe_of("f", {leaf});
  const Address address = f.store->put_recipe(recipe).value();
  REQUIRE(f.store->put_leaf(as_bytes("a")).value() == leaf);
  REQUIRE(f.store->put_recipe(recipe).value() == address);
  const StoreStats stats = f.store->stats().value();
  REQUIRE(stats.values == 1);
  REQUIRE(stats.recipes == 1);
  REQUIRE(f.store->dag().size() == 1);
  REQUIRE(f.store->dag().direct_dependents(leaf).value() == std::vector<Address>{address});
}

TEST_CASE("store: a recipe comes back as it was, with its edges in both directions") {
  StoreFixture f;
  const Address a = f.store->put_leaf(as_bytes("a")).value();
  const Address dangling = named("never stored");
  const Recipe recipe = recipe_of("f", {a, dangling, a}, {{"key", std::int64_t{7}}, {"list", List({true, 1.5})}});
  const Address address = f.store->put_recipe(recipe).value();
  REQUIRE(address == recipe.address());
  for (int i = 0; i < 2; ++i) {
    REQUIRE(*f.store->recipe(address).value() == recipe);
    REQUIRE(f.store->dag().inputs(address).value() == recipe.inputs);
    REQUIRE(f.store->dag().direct_dependents(dangling).value() == std::vector<Address>{address});
    REQUIRE_FALSE(f.store->value(address).value());
    f.reopen();
  }
}

TEST_CASE("store: a leaf with the bytes of a recipe does not take the recipe's address") {
  StoreFixture f;
  const Recipe recipe = recipe_of("f");
  const bool leaf_first = GENERATE(true, false);
  if (!leaf_first) f.store->put_recipe(recipe).value();
  const Address leaf = f.store->put_leaf(encode(recipe)).value();
  const Address address = f.store->put_recipe(recipe).value();
  REQUIRE(leaf != address);
  REQUIRE(*f.store->recipe(address).value() == recipe);
  REQUIRE_FALSE(f.store->value(address).value());
  REQUIRE_FALSE(f.store->recipe(leaf).value());
  REQUIRE(f.store->value(leaf).value());
}

TEST_CASE("store: many leaves and recipes at once, in their order") {
  StoreFixture f;
  const std::string large(100'000, 'l');
  const std::vector<BytesView> leaves{as_bytes("a"), as_bytes(large), as_bytes(""), as_bytes("a")};
  REQUIRE(f.store->put_leaves(leaves).value() == std::vector<Address>{named("a"), named(large), named(""), named("a")});
  std::vector<Recipe> recipes;
  std::vector<Address> addresses;
  for (std::int64_t i = 0; i < 1'000; ++i) {
    recipes.push_back(recipe_of("f", {i == 0 ? named("a") : addresses.back()}, {{"i", i}}));
    addresses.push_back(recipes.back().address());
  }
  const std::uint64_t before = f.store->stats().value().environment.commits;
  REQUIRE(f.store->put_recipes(recipes).value() == addresses);
  REQUIRE(f.store->stats().value().environment.commits == before + 1);
  REQUIRE(f.store->dag().depth(addresses.back()).value() == 1'000);
  REQUIRE(f.store->put_leaves({}).value().empty());
  REQUIRE(f.store->put_recipes({}).value().empty());
}

TEST_CASE("store: a recipe that cannot be encoded is refused, and the others with it") {
  StoreFixture f;
  const std::vector<Recipe> recipes{recipe_of("f"), recipe_of("")};
  REQUIRE(f.store->put_recipes(recipes).error().code() == Errc::invalid_argument);
  REQUIRE(f.store->put_recipe(recipes[1]).error().code() == Errc::invalid_argument);
  REQUIRE_FALSE(f.store->recipe(recipes[0].address()).value());
  REQUIRE(f.store->stats().value().recipes == 0);
}

TEST_CASE("store: when the edges cannot be written, there is no recipe either, nor those of the same call") {
  StoreFixture f;
  const Address a = named("a");
  const Recipe fine = recipe_of("fine");
  const Recipe refused = recipe_of("refused", {a});
  // An edge that no hash allows: "a" depends on the recipe that depends on "a".
  Environment environment = f.environment();
  auto beneath = PersistentDag<>::open(environment).value();
  const std::vector<Address> inputs{refused.address()};
  REQUIRE(beneath.insert(a, inputs).value());
  REQUIRE(f.store->put_recipes(std::vector<Recipe>{fine, refused}).error().code() == Errc::cycle);
  for (const Recipe& recipe : {fine, refused}) {
    REQUIRE_FALSE(f.store->recipe(recipe.address()).value());
    REQUIRE_FALSE(f.store->dag().contains(recipe.address()).value());
  }
  REQUIRE(f.store->stats().value().recipes == 1);  // that of "a"
  REQUIRE(f.store->put_recipe(fine).has_value());
}

TEST_CASE("store: a result gives the recipe its value, and comes back with its record") {
  StoreFixture f;
  const Address address = f.store->put_recipe(recipe_of("f")).value();
  const ComputedResult result = computed(address, "value");
  REQUIRE(f.store->put_results({&result, 1}).has_value());
  for (int i = 0; i < 2; ++i) {
    REQUIRE(as_text(*f.store->value(address).value()) == "value");
    const ResultRecord record = *f.store->result(address).value();
    REQUIRE(record.digest == Digest::of(as_bytes("value")));
    REQUIRE(record.size == 5);
    REQUIRE(record.compute_time == result.compute_time);
    REQUIRE(record.computed_at == result.computed_at);
    f.reopen();
  }
}

TEST_CASE("store: values are stored once, whoever has them") {
  StoreFixture f;
  const std::string text(100, 'v');
  const Address leaf = f.store->put_leaf(as_bytes(text)).value();
  const std::vector<ComputedResult> results{computed(named("r1"), text), computed(named("r2"), text)};
  REQUIRE(f.store->put_results(results).has_value());
  REQUIRE(f.store->stats().value().values == 1);
  REQUIRE(f.store->stats().value().results == 2);
  REQUIRE(f.store->value(leaf).value() == f.store->value(named("r2")).value());
}

TEST_CASE("store: a small result is kept in its record, and nowhere else") {
  StoreFixture f;
  const std::size_t size = GENERATE(0U, 1U, 64U, 65U);
  const std::string text(size, 'v');
  const ComputedResult result = computed(f.store->put_recipe(recipe_of("f")).value(), text);
  REQUIRE(f.store->put_results({&result, 1}).has_value());
  REQUIRE(f.store->stats().value().values == (size <= 64 ? 0 : 1));
  f.reopen();
  REQUIRE(as_text(*f.store->value(result.address).value()) == text);
  REQUIRE(f.store->value(named(text)).value().has_value() == (size > 64));
}

TEST_CASE("store: recipes, functions and results survive compaction of the graph") {
  StoreFixture f;
  std::vector<Recipe> recipes;
  std::vector<ComputedResult> results;
  for (std::int64_t i = 0; i < 500; ++i) {
    recipes.push_back(recipe_of("f" + std::to_string(i % 7), {named("leaf")},
                                {{"i", i}, {"t", std::string(static_cast<std::size_t>(i), 't')}}));
  }
  const std::vector<Address> addresses = f.store->put_recipes(recipes).value();
  for (std::size_t i = 0; i < 500; i += 3) results.push_back(computed(addresses[i], std::string(i, 'r')));
  results.push_back(computed(named("nobody's"), "result"));
  REQUIRE(f.store->put_results(results).has_value());
  Environment environment = f.environment();
  auto dag = PersistentDag<>::open(environment).value();
  for (std::size_t i = 0; i < 500; i += 5) REQUIRE(dag.remove(addresses[i]).value());
  REQUIRE(dag.compact().has_value());
  for (std::size_t i = 0; i < 500; ++i) {
    const auto recipe = f.store->recipe(addresses[i]).value();
    REQUIRE(recipe == (i % 5 == 0 ? std::nullopt : std::optional(recipes[i])));
    const auto value = f.store->value(addresses[i]).value();
    REQUIRE(value.has_value() == (i % 5 != 0 && i % 3 == 0));
    if (value) REQUIRE(as_text(*value) == std::string(i, 'r'));
  }
  REQUIRE(as_text(*f.store->value(named("nobody's")).value()) == "result");
  REQUIRE(dag.check().has_value());
  REQUIRE(f.store->put_recipes(recipes).value() == addresses);
  REQUIRE(f.store->recipe(addresses[5]).value() == recipes[5]);
  REQUIRE_FALSE(f.store->result(addresses[15]).value());
}

TEST_CASE("store: names and versions of functions are not mixed up, not even of the longest ones") {
  StoreFixture f;
  const std::string longest(255, 'n');
  std::vector<Recipe> recipes;
  for (const FunctionId& function : std::vector<FunctionId>{
           {"ab", "c"}, {"a", "bc"}, {"abc", ""}, {longest, longest}, {longest, ""}, {"n", longest}, {"ab", "c"}}) {
    recipes.push_back({function, {}, {{"n", static_cast<std::int64_t>(recipes.size())}}});
  }
  const std::vector<Address> addresses = f.store->put_recipes(recipes).value();
  f.reopen();
  f.store->put_recipe(recipe_of("later")).value();
  for (std::size_t i = 0; i < recipes.size(); ++i) REQUIRE(f.store->recipe(addresses[i]).value() == recipes[i]);
}

TEST_CASE("store: a recipe comes back whatever its params, also when its inputs came before it or after") {
  StoreFixture f;
  const Recipe inner = recipe_of("inner", {}, {{"", std::string(100'000, 'p')}});
  const Recipe outer =
      recipe_of("outer", std::vector<Address>(3'000, inner.address()), {{"list", List({List(), 1.5})}});
  const bool inner_first = GENERATE(true, false);
  f.store->put_recipe(inner_first ? inner : outer).value();
  f.store->put_recipe(inner_first ? outer : inner).value();
  f.reopen();
  REQUIRE(f.store->recipe(inner.address()).value() == inner);
  REQUIRE(f.store->recipe(outer.address()).value() == outer);
}

TEST_CASE("store: a recipe keeps its first result; another value is refused with all that came with it") {
  StoreFixture f;
  const ComputedResult first = computed(named("r"), "one");
  REQUIRE(f.store->put_results({&first, 1}).has_value());
  ComputedResult again = first;
  again.compute_time = std::chrono::nanoseconds(7);
  REQUIRE(f.store->put_results({&again, 1}).has_value());
  REQUIRE(f.store->result(named("r")).value()->compute_time == first.compute_time);

  const std::vector<ComputedResult> other{computed(named("s"), "new"), computed(named("r"), "two")};
  const Result<void> refused = f.store->put_results(other);
  REQUIRE(refused.error().code() == Errc::not_deterministic);
  REQUIRE(*refused.error().address() == named("r"));
  REQUIRE_THAT(refused.error().message(), contains(Digest::of(as_bytes("one")).to_string()));
  REQUIRE_THAT(refused.error().message(), contains(Digest::of(as_bytes("two")).to_string()));
  REQUIRE(as_text(*f.store->value(named("r")).value()) == "one");
  REQUIRE_FALSE(f.store->value(named("s")).value());
}

TEST_CASE("store: two handles of one directory are one store") {
  StoreFixture f;
  Store other = f.open();
  const Address leaf = f.store->put_leaf(as_bytes("a")).value();
  const Address recipe = other.put_recipe(recipe_of("f", {leaf})).value();
  REQUIRE(other.value(leaf).value());
  REQUIRE(f.store->recipe(recipe).value());
  REQUIRE(f.store->dag().direct_dependents(leaf).value() == std::vector<Address>{recipe});
  Store moved = std::move(other);
  f.store.reset();
  REQUIRE(moved.value(leaf).value());
  REQUIRE(moved.directory() == f.directory);
  REQUIRE(moved.flush().has_value());
}

}  // namespace
}  // namespace deriva::test
