#include <deriva/core/recipe.hpp>

#include <cstdint>
#include <limits>
#include <sstream>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "support/catch.hpp"

using deriva::Address;
using deriva::as_bytes;
using deriva::as_text;
using deriva::decode_recipe;
using deriva::Errc;
using deriva::Error;
using deriva::FunctionId;
using deriva::List;
using deriva::Recipe;
using deriva::Result;
using deriva::try_encode;
using deriva::Value;
using deriva::test::contains;
namespace limits = deriva::limits;

namespace {

Recipe typical() {
  return {{"compress", "1"},
          {Address::of_leaf(as_bytes("source")), Address::of_leaf(as_bytes("dictionary"))},
          {{"level", std::int64_t{19}}}};
}

Recipe with_param(Value value) { return {{"f", "1"}, {}, {{"p", std::move(value)}}}; }

Value nested(std::size_t depth) {
  Value value = true;
  for (std::size_t i = 0; i < depth; ++i) value = List(std::vector<Value>(1, value));
  return value;
}

bool encodes(const Recipe& recipe) {
  const Result<std::vector<std::byte>> bytes = try_encode(recipe);
  if (bytes) {
    REQUIRE(decode_recipe(*bytes).value() == recipe);
    return true;
  }
  REQUIRE(bytes.error().code() == Errc::invalid_argument);
  REQUIRE_THROWS_AS(encode(recipe), deriva::Exception);
  REQUIRE_THROWS_AS(recipe.address(), deriva::Exception);
  return false;
}

}  // namespace

TEST_CASE("a leaf takes the address of a recipe") {
  const Recipe recipe = typical();
  const std::vector<std::byte> bytes = encode(recipe);
  REQUIRE(Address::of_leaf(bytes) != recipe.address());
  REQUIRE(deriva::recipe_address(bytes) == recipe.address());
}

TEST_CASE("recipes that differ have one address") {
  std::vector<Recipe> recipes(9, typical());
  recipes[1].function.name = "compres";
  recipes[2].function.version = "2";
  std::swap(recipes[3].inputs[0], recipes[3].inputs[1]);
  recipes[4].inputs.push_back(recipes[4].inputs[0]);
  recipes[5].params["level"] = std::int64_t{-19};
  recipes[6].params["level"] = 19.0;
  recipes[7].params["Level"] = std::int64_t{19};
  recipes[8].params.clear();
  std::unordered_set<Address> addresses;
  for (const Recipe& recipe : recipes) addresses.insert(recipe.address());
  REQUIRE(addresses.size() == recipes.size());
}

TEST_CASE("what the bytes are cut into does not count") {
  const auto address = [](const char* name, const char* version) { return Recipe{{name, version}, {}, {}}.address(); };
  REQUIRE(address("ab", "c") != address("a", "bc"));
  REQUIRE(with_param("x").address() != with_param(std::vector<std::byte>{std::byte{'x'}}).address());
}

TEST_CASE("the order in which params were given changes the address") {
  Recipe forward{{"f", "1"}, {}, {}};
  Recipe backward = forward;
  const std::vector<std::string> names{"a", "aa", "b", "\x80", "\xFF", ""};
  for (std::size_t i = 0; i < names.size(); ++i) forward.params.emplace(names[i], names[i]);
  for (std::size_t i = names.size(); i-- > 0;) backward.params.emplace(names[i], names[i]);
  REQUIRE(forward.address() == backward.address());
  REQUIRE(encodes(forward));
}

TEST_CASE("negative zero has an address of its own") {
  REQUIRE(with_param(-0.0).address() == with_param(0.0).address());
  REQUIRE(with_param(List({-0.0, 1.0})).address() == with_param(List({0.0, 1.0})).address());
}

TEST_CASE("a large recipe is addressed by another way than a small one") {
  for (std::size_t size = 480; size < 530; ++size) {  // Around the size of the buffer on the stack.
    const Recipe recipe = with_param(std::string(size, 'x'));
    REQUIRE(recipe.address() == deriva::recipe_address(encode(recipe)));
  }
}

TEST_CASE("a NaN is encoded, and so has many addresses") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  REQUIRE_FALSE(encodes(with_param(nan)));
  REQUIRE_FALSE(encodes(with_param(-nan)));
  REQUIRE_FALSE(encodes(with_param(List({1.0, List({nan})}))));
  REQUIRE(encodes(with_param(std::numeric_limits<double>::infinity())));
}

TEST_CASE("the limit of a name is off by one") {
  const std::string longest(limits::name_bytes, 'n');
  REQUIRE(encodes({{longest, longest}, {}, {{longest, true}}}));
  REQUIRE_FALSE(encodes({{longest + "n", "1"}, {}, {}}));
  REQUIRE_FALSE(encodes({{"f", longest + "n"}, {}, {}}));
  REQUIRE_FALSE(encodes({{"f", "1"}, {}, {{longest + "n", true}}}));
  REQUIRE_FALSE(encodes({{"", "1"}, {}, {}}));
  REQUIRE(encodes({{"f", ""}, {}, {{"", true}}}));
}

TEST_CASE("the limit of nesting is off by one") {
  REQUIRE(encodes(with_param(nested(limits::nesting))));
  REQUIRE_FALSE(encodes(with_param(nested(limits::nesting + 1))));
  Value beside = List({nested(limits::nesting - 1), nested(limits::nesting - 1)});
  REQUIRE(encodes(with_param(beside)));
}

TEST_CASE("a list nested a million deep overflows the stack when it is encoded") {
  List list;
  for (int i = 0; i < 1'000'000; ++i) {
    std::vector<Value> items;
    items.emplace_back(std::move(list));
    list = List(std::move(items));
  }
  REQUIRE_FALSE(encodes(with_param(std::move(list))));
}

TEST_CASE("the limit of the params is off by one") {
  // The count, the name's length and byte, the tag, and three bytes of the text's length.
  const std::size_t most = limits::params_bytes - 7;
  REQUIRE(encodes(with_param(std::string(most, 'x'))));
  REQUIRE_FALSE(encodes(with_param(std::string(most + 1, 'x'))));
  REQUIRE_FALSE(encodes(with_param(List(std::vector<Value>(limits::params_bytes, true)))));
  Recipe many{{"f", "1"}, {}, {}};
  for (std::size_t i = 0; i < 4; ++i)
    many.params.emplace(std::to_string(i), std::string(limits::params_bytes / 4, 'x'));
  REQUIRE_FALSE(encodes(many));
}

TEST_CASE("the limit of the whole recipe is off by one") {
  Recipe recipe{{"f", "1"}, std::vector<Address>(32'767), {{"p", ""}}};
  const std::size_t size = encode(recipe).size();
  REQUIRE(size < limits::recipe_bytes);
  recipe.function.version.resize(1 + limits::recipe_bytes - size, 'v');
  REQUIRE(encode(recipe).size() == limits::recipe_bytes);
  REQUIRE(encodes(recipe));
  recipe.function.version += 'v';
  REQUIRE_FALSE(encodes(recipe));
}

TEST_CASE("more inputs than the limit are accepted") {
  REQUIRE_FALSE(encodes({{"f", "1"}, std::vector<Address>(limits::inputs), {}}));  // Larger than a recipe may be.
  const Result<std::vector<std::byte>> bytes = try_encode({{"f", "1"}, std::vector<Address>(limits::inputs + 1), {}});
  REQUIRE(bytes.has_error());
  REQUIRE_THAT(bytes.error().message(), contains("inputs"));
}

TEST_CASE("params that a host has put in the wrong order are encoded") {
  Recipe recipe{{"f", "1"}, {}, {{"a", true}, {"b", true}}};
  REQUIRE(encodes(recipe));
  recipe.params.begin()->first = "b";
  REQUIRE_FALSE(encodes(recipe));
  recipe.params.begin()->first = "c";
  REQUIRE_FALSE(encodes(recipe));
}

TEST_CASE("a refusal does not say which param of which function") {
  const Error error = try_encode(with_param(std::numeric_limits<double>::quiet_NaN())).error();
  REQUIRE_THAT(error.message(), contains("NaN"));
  REQUIRE_THAT(error.message(), contains("'p'"));
  REQUIRE(*error.function() == FunctionId{"f", "1"});
}

TEST_CASE("functions are ordered, hashed or shown by name alone") {
  const std::unordered_set<FunctionId> set{{"f", "1"}, {"f", "2"}, {"g", "1"}, {"f", "1"}};
  REQUIRE(set.size() == 3);
  REQUIRE(FunctionId{"f", "2"} < FunctionId{"g", "1"});
  REQUIRE(FunctionId{"f", "1"} < FunctionId{"f", "2"});
  std::ostringstream out;
  out << FunctionId{"concat", "1.2"};
  REQUIRE(out.str() == "concat/1.2");
}
