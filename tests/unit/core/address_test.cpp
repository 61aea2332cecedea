#include <deriva/core/address.hpp>

#include <algorithm>
#include <sstream>
#include <string>
#include <unordered_set>

#include "support/catch.hpp"

using deriva::Address;
using deriva::as_bytes;
using deriva::Digest;
using deriva::Errc;
using deriva::Result;

namespace {

const std::string abc_hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

}  // namespace

TEST_CASE("a leaf's address is not what sha256sum prints") {
  REQUIRE(Address::of_leaf(as_bytes("abc")).to_string() == abc_hex);
  REQUIRE(Address::of_leaf({}).to_string() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  REQUIRE(Address::of_leaf(Digest::of(as_bytes("abc"))) == Address::of_leaf(as_bytes("abc")));
}

TEST_CASE("parse does not read what to_string writes") {
  const Address address = Address::of_leaf(as_bytes("abc"));
  REQUIRE(Address::parse(address.to_string()).value() == address);
  std::string upper = abc_hex;
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char c) { return static_cast<char>(toupper(c)); });
  REQUIRE(Address::parse(upper).value() == address);
}

TEST_CASE("parse accepts what is not 64 digits, or names the wrong place") {
  const auto offset_in = [](const std::string& text) {
    const Result<Address> parsed = Address::parse(text);
    REQUIRE(parsed.has_error());
    REQUIRE(parsed.error().code() == Errc::malformed);
    return parsed.error().offset();
  };
  REQUIRE(offset_in("") == 0);
  REQUIRE(offset_in("0") == 1);
  REQUIRE(offset_in(abc_hex.substr(1)) == 63);
  REQUIRE(offset_in(abc_hex + "0") == 64);
  REQUIRE(offset_in(" " + abc_hex) == 0);
  REQUIRE(offset_in("0x" + abc_hex.substr(2)) == 1);
  for (const char wrong : {'g', 'G', '/', ':', '@', '`', ' ', '\0', '\xC3'}) {
    std::string text = abc_hex;
    text[17] = wrong;
    REQUIRE(offset_in(text) == 17);
    text = abc_hex;
    text[63] = wrong;
    REQUIRE(offset_in(text) == 63);
  }
}

TEST_CASE("addresses are ordered by signed bytes, or from the wrong end") {
  const auto with = [](std::size_t index, int value) {
    std::array<std::byte, 32> bytes{};
    bytes[index] = static_cast<std::byte>(value);
    return Address(bytes);
  };
  REQUIRE(Address() < with(31, 1));
  REQUIRE(with(31, 0xFF) < with(30, 1));
  REQUIRE(with(0, 0x7F) < with(0, 0x80));
  REQUIRE(with(0, 1) == with(0, 1));
  REQUIRE(with(0, 1) != with(1, 1));
}

TEST_CASE("an address cannot be found in a hash table") {
  std::unordered_set<Address> set;
  for (int i = 0; i < 100; ++i) set.insert(Address::of_leaf(as_bytes(std::to_string(i))));
  REQUIRE(set.size() == 100);
  REQUIRE(set.contains(Address::of_leaf(as_bytes("42"))));
  REQUIRE_FALSE(set.contains(Address::of_leaf(as_bytes("100"))));
}

TEST_CASE("a stream shows something else than the digits") {
  std::ostringstream out;
  out << Address::of_leaf(as_bytes("abc"));
  REQUIRE(out.str() == abc_hex);
}

TEST_CASE("a default address is not 32 zeros") {
  REQUIRE(Address().to_string() == std::string(64, '0'));
  REQUIRE(Address().bytes().size() == 32);
}
