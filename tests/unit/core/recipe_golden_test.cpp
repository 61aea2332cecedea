#include <deriva/core/recipe.hpp>

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "core/hex.hpp"
#include "support/catch.hpp"
#include "unit/core/recipe_golden.hpp"

using deriva::Address;
using deriva::as_bytes;
using deriva::BytesView;
using deriva::FunctionId;
using deriva::List;
using deriva::Params;
using deriva::Recipe;
using deriva::Value;
using deriva::detail::hex_digit;
using deriva::detail::to_hex;
using deriva::test::golden_vectors;
using deriva::test::GoldenVector;

namespace {

std::vector<std::byte> from_hex(std::string_view hex) {
  std::vector<std::byte> bytes(hex.size() / 2);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::byte>(hex_digit(hex[2 * i]) * 16 + hex_digit(hex[2 * i + 1]));
  }
  return bytes;
}

Address leaf(std::string_view text) { return Address::of_leaf(as_bytes(text)); }

Value integer(std::int64_t number) { return number; }

Value list(std::vector<Value> items) { return List(std::move(items)); }

Value bytes(BytesView view) { return std::vector<std::byte>(view.begin(), view.end()); }

Recipe every_byte() {
  std::string all(256, '\0');
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<char>(i);
  const std::string nul(1, '\0');
  return {{"bytes", "1"}, {}, {{"b", bytes(as_bytes(all))}, {"empty", bytes({})}, {"nul", bytes(as_bytes(nul))}}};
}

Recipe many_inputs() {
  Recipe recipe{{"many", "1"}, {}, {}};
  for (int i = 0; i < 64; ++i) recipe.inputs.push_back(leaf(std::to_string(i)));
  return recipe;
}

Recipe deepest() {
  Value value = list({});
  for (int i = 1; i < 32; ++i) value = list({value});
  return {{"deep", "1"}, {}, {{"d", value}}};
}

Recipe nested() {
  const std::vector<std::byte> two{std::byte{0}, std::byte{0xFF}};
  return {{"nest", "1"},
          {},
          {{"l", list({integer(1), list({integer(2), list({integer(3), list({})}), "x"}),
                       list({list({}), list({false})}), bytes(two)})}}};
}

Recipe integers() {
  using Limits = std::numeric_limits<std::int64_t>;
  return {{"ints", "2.0"},
          {},
          {{"a_min", Limits::min()},
           {"b_max", Limits::max()},
           {"c_0", integer(0)},
           {"d_-1", integer(-1)},
           {"e_63", integer(63)},
           {"f_64", integer(64)},
           {"g_-64", integer(-64)},
           {"h_-65", integer(-65)}}};
}

Recipe reals() {
  using Limits = std::numeric_limits<double>;
  return {{"reals", "1"},
          {},
          {{"a", 1.5},
           {"b", -2.25},
           {"c", Limits::denorm_min()},
           {"d", Limits::max()},
           {"e", Limits::infinity()},
           {"f", -Limits::infinity()},
           {"g", 0.1}}};
}

/// In the order of the golden vectors.
std::vector<Recipe> golden_recipes() {
  const std::string longest_name(255, 'n');
  const std::string longest_version(255, 'v');
  const std::string longest_param(255, 'p');
  return {
      {{"f", ""}, {}, {}},
      {{"concat", "1"}, {}, {}},
      {{"größe/計算", "版本-1"},
       {leaf("a")},
       {{"äöü", "ß∂🙂"}, {"a", "e\xCC\x81"}, {"b", "\xC3\xA9"}, {"日本", true}}},
      nested(),
      deepest(),
      integers(),
      many_inputs(),
      reals(),
      {{"zero", "1"}, {}, {{"z", -0.0}, {"n", list({-0.0})}}},
      every_byte(),
      {{"flags", "1"}, {}, {{"", false}, {"l", list({})}, {"s", std::string()}, {"t", true}}},
      {{longest_name, longest_version}, {}, {{longest_param, integer(1)}}},
      {{"pair", "1"}, {leaf("x"), leaf("y"), leaf("x"), leaf("x")}, {{"n", integer(3)}}},
      {{"order", "1"},
       {},
       {{"B", integer(1)},
        {"a", integer(2)},
        {"aa", integer(3)},
        {"ab", integer(4)},
        {"b", integer(5)},
        {"\x7F", integer(6)},
        {"\xC2\x80", integer(7)}}},
      {{"compress", "1"}, {leaf("source"), leaf("dictionary")}, {{"level", integer(19)}}},
  };
}

}  // namespace

TEST_CASE("an encoding or an address has changed") {
  const std::vector<Recipe> recipes = golden_recipes();
  REQUIRE(recipes.size() == golden_vectors.size());
  for (std::size_t i = 0; i < recipes.size(); ++i) {
    const GoldenVector& golden = golden_vectors[i];
    INFO(golden.name);
    CHECK(to_hex(encode(recipes[i])) == golden.encoding);
    CHECK(recipes[i].address().to_string() == golden.address);
    CHECK(deriva::recipe_address(from_hex(golden.encoding)).to_string() == golden.address);
  }
}

TEST_CASE("an old encoding is read as another recipe") {
  const std::vector<Recipe> recipes = golden_recipes();
  for (std::size_t i = 0; i < recipes.size(); ++i) {
    INFO(golden_vectors[i].name);
    const deriva::Result<Recipe> decoded = deriva::decode_recipe(from_hex(golden_vectors[i].encoding));
    REQUIRE(decoded.has_value());
    CHECK(*decoded == recipes[i]);
  }
}

TEST_CASE("two golden vectors have one address") {
  for (const GoldenVector& a : golden_vectors) {
    for (const GoldenVector& b : golden_vectors) REQUIRE((a.address == b.address) == (&a == &b));
  }
}
