#include <deriva/core/recipe.hpp>

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <rapidcheck.h>

#include "core/recipe_format.hpp"
#include "store/recipe_payload.hpp"
#include "store/store_reader.hpp"
#include "support/catch.hpp"

using deriva::Address;
using deriva::BytesView;
using deriva::decode_recipe;
using deriva::Errc;
using deriva::List;
using deriva::Recipe;
using deriva::Result;
using deriva::Value;

namespace {

rc::Gen<std::vector<std::byte>> any_bytes() {
  return rc::gen::map(rc::gen::container<std::vector<std::uint8_t>>(rc::gen::arbitrary<std::uint8_t>()),
                      [](const std::vector<std::uint8_t>& numbers) {
                        std::vector<std::byte> bytes(numbers.size());
                        for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(numbers[i]);
                        return bytes;
                      });
}

rc::Gen<Value> any_value(int nesting) {
  const auto scalar = rc::gen::oneOf(
      rc::gen::map(rc::gen::arbitrary<bool>(), [](bool value) { return Value(value); }),
      rc::gen::map(rc::gen::arbitrary<std::int64_t>(), [](std::int64_t value) { return Value(value); }),
      rc::gen::map(rc::gen::inRange<std::int64_t>(-200, 200), [](std::int64_t value) { return Value(value); }),
      rc::gen::map(rc::gen::arbitrary<double>(), [](double value) { return Value(std::isnan(value) ? 0.0 : value); }),
      rc::gen::element(Value(0.0), Value(-0.0), Value(HUGE_VAL), Value(-HUGE_VAL)),
      rc::gen::map(rc::gen::arbitrary<std::string>(), [](std::string value) { return Value(std::move(value)); }),
      rc::gen::map(any_bytes(), [](std::vector<std::byte> value) { return Value(std::move(value)); }));
  if (nesting == 0) return scalar;
  const auto list = rc::gen::map(rc::gen::resize(4, rc::gen::container<std::vector<Value>>(any_value(nesting - 1))),
                                 [](std::vector<Value> items) { return Value(List(std::move(items))); });
  return rc::gen::weightedOneOf<Value>({{3, scalar}, {1, list}});
}

rc::Gen<Address> any_address() {
  return rc::gen::map(rc::gen::arbitrary<std::array<std::uint8_t, 32>>(), [](const std::array<std::uint8_t, 32>& raw) {
    std::array<std::byte, 32> bytes;
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(raw[i]);
    return Address(bytes);
  });
}

Recipe any_recipe() {
  Recipe recipe;
  recipe.function.name = *rc::gen::nonEmpty<std::string>();
  recipe.function.version = *rc::gen::arbitrary<std::string>();
  recipe.inputs = *rc::gen::resize(5, rc::gen::container<std::vector<Address>>(any_address()));
  const auto params = *rc::gen::resize(6, rc::gen::container<std::vector<std::pair<std::string, Value>>>(rc::gen::pair(
                                              rc::gen::resize(20, rc::gen::arbitrary<std::string>()), any_value(3))));
  for (const auto& [name, value] : params) recipe.params.insert_or_assign(name, value);
  return recipe;
}

/// Replaces, removes, inserts or copies bytes anywhere.
std::vector<std::byte> mutated(std::vector<std::byte> bytes) {
  const auto mutations = *rc::gen::inRange(1, 4);
  for (int i = 0; i < mutations; ++i) {
    const auto at = static_cast<std::ptrdiff_t>(*rc::gen::inRange<std::size_t>(0, bytes.size()));
    const auto byte = static_cast<std::byte>(*rc::gen::arbitrary<std::uint8_t>());
    switch (*rc::gen::inRange(0, 4)) {
      case 0:
        bytes[static_cast<std::size_t>(at)] = byte;
        break;
      case 1:
        bytes[static_cast<std::size_t>(at)] ^= std::byte{1} << *rc::gen::inRange(0, 8);
        break;
      case 2:
        if (bytes.size() > 1) bytes.erase(bytes.begin() + at);
        break;
      default:
        bytes.insert(bytes.begin() + at, byte);
    }
  }
  return bytes;
}

}  // namespace

TEST_CASE("a recipe is not what its encoding is decoded to") {
  REQUIRE(rc::check([] {
    const Recipe recipe = any_recipe();
    const std::vector<std::byte> bytes = encode(recipe);
    const Result<Recipe> decoded = decode_recipe(bytes);
    RC_ASSERT(decoded.has_value());
    RC_ASSERT(*decoded == recipe);
    RC_ASSERT(encode(*decoded) == bytes);
    RC_ASSERT(decoded->address() == deriva::recipe_address(bytes));
  }));
}

TEST_CASE("params that are decoded keep something of those that were decoded before") {
  REQUIRE(rc::check([] {
    deriva::Params decoded;
    Recipe recipe = any_recipe();
    for (int i = 0; i < 8; ++i) {
      const std::vector<std::byte> bytes = encode(recipe);
      RC_ASSERT(deriva::detail::decode_params(deriva::detail::params_of(recipe, bytes), decoded).has_value());
      RC_ASSERT(decoded == recipe.params);
      // One that is like it: with fewer params, other values or more of them.
      deriva::Params& params = recipe.params;
      if (!params.empty() && *rc::gen::arbitrary<bool>())
        params.erase(params.nth(*rc::gen::inRange<std::size_t>(0, params.size())));
      if (!params.empty() && *rc::gen::arbitrary<bool>())
        params.nth(*rc::gen::inRange<std::size_t>(0, params.size()))->second = std::int64_t{i};
      for (auto& [name, value] : any_recipe().params) params.insert_or_assign(name, std::move(value));
    }
  }));
}

TEST_CASE("wrong params are taken for right ones because those before were alike") {
  REQUIRE(rc::check([] {
    Recipe recipe;
    recipe.function.name = "f";
    const auto names = *rc::gen::resize(4, rc::gen::nonEmpty<std::vector<std::string>>());
    for (const std::string& name : names) recipe.params.insert_or_assign(name, *rc::gen::arbitrary<std::int64_t>());
    const std::vector<std::byte> encoded = encode(recipe);
    const BytesView params = deriva::detail::params_of(recipe, encoded);
    for (int i = 0; i < 40; ++i) {
      const std::vector<std::byte> bytes = mutated({params.begin(), params.end()});
      deriva::Params fresh;
      deriva::Params known = recipe.params;
      const Result<void> right = deriva::detail::parse_params(bytes, fresh);
      const Result<void> found = deriva::detail::parse_params(bytes, known);
      RC_ASSERT(found.has_value() == right.has_value());
      if (found) {
        RC_ASSERT(known == fresh);
      } else {
        RC_ASSERT(found.error().offset() == right.error().offset());
      }
    }
  }));
}

TEST_CASE("mutated bytes crash the decoder, or are a second encoding of a recipe") {
  REQUIRE(rc::check([] {
    const Recipe recipe = any_recipe();
    const std::vector<std::byte> original = encode(recipe);
    for (int i = 0; i < 20; ++i) {
      const std::vector<std::byte> bytes = mutated(original);
      const Result<Recipe> decoded = decode_recipe(bytes);
      if (decoded) {
        RC_ASSERT(encode(*decoded) == bytes);
        RC_ASSERT((*decoded == recipe) == (bytes == original));
      } else {
        RC_ASSERT(decoded.error().code() == Errc::malformed);
        RC_ASSERT(decoded.error().offset().value() <= bytes.size());
      }
    }
  }));
}

TEST_CASE("a prefix of an encoding, or one with more behind it, is a recipe") {
  REQUIRE(rc::check([] {
    std::vector<std::byte> bytes = encode(any_recipe());
    const std::size_t size = *rc::gen::inRange<std::size_t>(0, bytes.size());
    RC_ASSERT(decode_recipe(BytesView(bytes).first(size)).has_error());
    const std::size_t whole = bytes.size();
    const std::vector<std::byte> more = *rc::gen::nonEmpty(any_bytes());
    bytes.insert(bytes.end(), more.begin(), more.end());
    const Result<Recipe> decoded = decode_recipe(bytes);
    RC_ASSERT(decoded.has_error());
    RC_ASSERT(decoded.error().offset() == whole);
  }));
}

TEST_CASE("arbitrary bytes crash the decoder") {
  REQUIRE(rc::check([] {
    const std::vector<std::byte> bytes = *any_bytes();
    RC_ASSERT(decode_recipe(bytes).has_error());
  }));
}

TEST_CASE("two recipes have one encoding, or one recipe has two") {
  REQUIRE(rc::check([] {
    const Recipe a = any_recipe();
    const Recipe b = *rc::gen::arbitrary<bool>() ? a : any_recipe();
    RC_ASSERT((a == b) == (encode(a) == encode(b)));
  }));
}
