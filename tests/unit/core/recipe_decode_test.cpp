#include <deriva/core/recipe.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/codec.hpp"
#include "support/catch.hpp"

using deriva::Address;
using deriva::as_bytes;
using deriva::decode_recipe;
using deriva::Errc;
using deriva::Recipe;
using deriva::Result;
namespace limits = deriva::limits;
using namespace std::string_literals;

namespace {

const std::string head = "\xD1\x01\x01"s + "f\x01" + "1"s;  // Tag, version, function f/1: 6 bytes.

std::string varint(std::uint64_t number) {
  std::string text(deriva::detail::varint_size(number), '\0');
  deriva::detail::ByteWriter(reinterpret_cast<std::byte*>(text.data())).varint(number);
  return text;
}

std::string with_param(const std::string& value) { return head + "\x00\x01\x01p"s + value; }  // The value is at 10.

/// The offset that is reported for bytes that must be refused; thousands and more when they are not.
std::uint64_t refused_at(const std::string& bytes) {
  const Result<Recipe> decoded = decode_recipe(as_bytes(bytes));
  if (decoded) return 1'000'000'000;
  REQUIRE(decoded.error().code() == Errc::malformed);
  return decoded.error().offset().value();
}

bool accepted(const std::string& bytes) {
  const Result<Recipe> decoded = decode_recipe(as_bytes(bytes));
  return decoded && encode(*decoded) == std::vector<std::byte>(as_bytes(bytes).begin(), as_bytes(bytes).end());
}

}  // namespace

TEST_CASE("another tag or version is read as a recipe") {
  REQUIRE(accepted(head + "\0\0"s));
  REQUIRE(refused_at("") == 0);
  REQUIRE(refused_at("\xD0" + head.substr(1) + "\0\0"s) == 0);
  REQUIRE(refused_at("\xD1\x00"s + head.substr(2) + "\0\0"s) == 1);
  REQUIRE(refused_at("\xD1\x02"s + head.substr(2) + "\0\0"s) == 1);
}

TEST_CASE("a recipe that was cut off is accepted") {
  Recipe recipe{{"name", "1.0"}, std::vector<Address>(2), {{"a", std::int64_t{-300}}, {"b", 2.5}, {"c", "text"}}};
  recipe.params.emplace("d", deriva::List({true, deriva::List({"x"})}));
  const std::vector<std::byte> bytes = encode(recipe);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const Result<Recipe> decoded = decode_recipe(deriva::BytesView(bytes).first(size));
    REQUIRE(decoded.has_error());
    REQUIRE(decoded.error().code() == Errc::malformed);
    REQUIRE(decoded.error().offset().value() <= size);
  }
}

TEST_CASE("bytes after a recipe are accepted") {
  for (const std::string& after : {"\0"s, "\x01"s, head}) {
    REQUIRE(refused_at(head + "\0\0"s + after) == head.size() + 2);
    REQUIRE(refused_at(with_param("\x01") + after) == with_param("\x01").size());
  }
}

TEST_CASE("a function without a name is accepted") {
  REQUIRE(refused_at("\xD1\x01\0\0\0\0"s) == 2);
  REQUIRE(accepted("\xD1\x01\x01g\0\0\0"s));
}

TEST_CASE("a longer varint than needed is a second encoding") {
  REQUIRE(accepted(with_param("\x02\x7F")));
  REQUIRE(refused_at(with_param("\x02\x80\x00"s)) == 12);
  REQUIRE(refused_at(with_param("\x02\xFF\x80\x80\x00"s)) == 14);
  REQUIRE(refused_at(head + "\x80\x00\x00"s) == head.size() + 1);
  REQUIRE(refused_at("\xD1\x01\x81\x00"s + "f\0\0\0"s) == 3);
}

TEST_CASE("a varint of more than 64 bits wraps round") {
  const std::string nine(9, '\xFF');
  REQUIRE(accepted(with_param("\x02" + nine + "\x01")));
  REQUIRE(refused_at(with_param("\x02" + nine + "\x02")) == 20);
  REQUIRE(refused_at(with_param("\x02" + nine + "\x81\x00"s)) == 20);
  REQUIRE(refused_at(with_param("\x02" + nine)) == 20);
}

TEST_CASE("negative zero or a NaN is decoded") {
  const std::string zeros(6, '\0');
  REQUIRE(accepted(with_param("\x03" + zeros + "\0\0"s)));
  REQUIRE(refused_at(with_param("\x03" + zeros + "\x00\x80"s)) == 11);
  REQUIRE(accepted(with_param("\x03" + zeros + "\xF0\x7F")));
  REQUIRE(accepted(with_param("\x03" + zeros + "\xF0\xFF")));
  REQUIRE(refused_at(with_param("\x03" + zeros + "\xF8\x7F")) == 11);
  REQUIRE(refused_at(with_param("\x03\x01" + zeros.substr(1) + "\xF0\xFF")) == 11);
}

TEST_CASE("an unknown kind of value is skipped") {
  for (int tag = 7; tag < 256; ++tag) REQUIRE(refused_at(with_param(std::string(1, static_cast<char>(tag)))) == 10);
}

TEST_CASE("params out of order, or twice, are accepted") {
  const auto params = [](const std::string& first, const std::string& second) {
    return head + "\x00\x02"s + varint(first.size()) + first + "\x01" + varint(second.size()) + second + "\x01";
  };
  REQUIRE(accepted(params("a", "b")));
  REQUIRE(accepted(params("", "a")));
  REQUIRE(accepted(params("a", "aa")));
  REQUIRE(accepted(params("z", "\x80")));
  REQUIRE(refused_at(params("b", "a")) == 11);
  REQUIRE(refused_at(params("a", "a")) == 11);
  REQUIRE(refused_at(params("\x80", "z")) == 11);
  REQUIRE(refused_at(params("aa", "a")) == 12);
  REQUIRE(refused_at(params("a", "")) == 11);
}

TEST_CASE("a count of more than there is reserves memory, or is blamed on another byte") {
  const std::uint64_t huge = std::uint64_t{1} << 60U;
  for (const std::uint64_t count : {std::uint64_t{20}, huge, ~std::uint64_t{0}}) {
    REQUIRE(refused_at("\xD1\x01" + varint(count) + "f1") == 2);
    REQUIRE(refused_at("\xD1\x01\x01"
                       "f" +
                       varint(count) + "1") == 4);
    REQUIRE(refused_at(head + varint(count) + "abcdefghij") == 6);
    REQUIRE(refused_at(head + "\0"s + varint(count) + "\x01p\x01") == 7);
    REQUIRE(refused_at(with_param("\x04" + varint(count) + "abc")) == 11);
    REQUIRE(refused_at(with_param("\x05" + varint(count) + "abc")) == 11);
    REQUIRE(refused_at(with_param("\x06" + varint(count) + "\x01\x01")) == 11);
  }
}

TEST_CASE("nested counts add up to more than there is") {
  // Each list alone could have as many items as bytes are left; together they could not.
  REQUIRE(accepted(with_param("\x06\x03\x06\x02\x01\x01\x01\x01")));
  REQUIRE(refused_at(with_param("\x06\x03\x06\x03\x01\x01\x01\x01")) == 13);
  std::string bytes = with_param("");
  for (std::size_t i = 0; i < limits::nesting; ++i) bytes += "\x06" + varint(200'000);
  bytes.resize(8 + limits::params_bytes - 1, '\x01');
  REQUIRE(refused_at(bytes) == 10 + 4 + 1);
}

TEST_CASE("lists are decoded deeper than they are encoded") {
  const auto nested = [](std::size_t depth) {
    std::string value;
    for (std::size_t i = 0; i < depth; ++i) value += "\x06\x01";
    return with_param(value + "\x01");
  };
  REQUIRE(accepted(nested(limits::nesting)));
  REQUIRE(refused_at(nested(limits::nesting + 1)) == 10 + 2 * limits::nesting);
  REQUIRE(refused_at(nested(100'000)) == 10 + 2 * limits::nesting);
}

TEST_CASE("a name above the limit is decoded") {
  const std::string longest(limits::name_bytes, 'n');
  const std::string above(limits::name_bytes + 1, 'n');
  const auto sized = [](const std::string& text) { return varint(text.size()) + text; };
  REQUIRE(accepted("\xD1\x01" + sized(longest) + sized(longest) + "\0\x01"s + sized(longest) + "\x01"));
  REQUIRE(refused_at("\xD1\x01" + sized(above) +
                     "\x01"
                     "1\0\0"s) == 2);
  REQUIRE(refused_at("\xD1\x01\x01"
                     "f" +
                     sized(above) + "\0\0"s) == 4);
  REQUIRE(refused_at(head + "\0\x01"s + sized(above) + "\x01") == 8);
}

TEST_CASE("params above the limit are decoded") {
  const std::size_t most = limits::params_bytes - 7;
  REQUIRE(accepted(with_param("\x04" + varint(most) + std::string(most, 'x'))));
  REQUIRE(refused_at(with_param("\x04" + varint(most + 1) + std::string(most + 1, 'x'))) == 7 + limits::params_bytes);
}

TEST_CASE("a recipe above the limit is decoded") {
  const std::string inputs = varint(32'767) + std::string(32'767 * Address::size_bytes, 'a');
  const std::size_t rest = limits::recipe_bytes - inputs.size() - 5 - 1;  // Tag, version, function f and its version.
  const std::string version(rest, 'v');
  REQUIRE(rest < 128);
  REQUIRE(
      accepted("\xD1\x01\x01"
               "f" +
               varint(rest) + version + inputs + "\0"s));
  REQUIRE(refused_at("\xD1\x01\x01"
                     "f" +
                     varint(rest + 1) + version + "v" + inputs + "\0"s) == limits::recipe_bytes);
  REQUIRE(refused_at(std::string(2 * limits::recipe_bytes, '\xD1')) == limits::recipe_bytes);
}

TEST_CASE("inputs that are not all there are decoded") {
  REQUIRE(accepted(head + "\x02" + std::string(64, 'a') + "\0"s));
  REQUIRE(refused_at(head + "\x02" + std::string(63, 'a')) == 6);
  REQUIRE(refused_at(head + "\x02" + std::string(64, 'a')) == 71);
}
