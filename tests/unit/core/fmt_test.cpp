#include <deriva/core/fmt.hpp>

#include "support/catch.hpp"

using deriva::Address;
using deriva::as_bytes;
using deriva::Digest;
using deriva::Errc;
using deriva::Error;
using deriva::FunctionId;

TEST_CASE("fmt shows something else than a stream does, or ignores the specification") {
  const Address address = Address::of_leaf(as_bytes("abc"));
  REQUIRE(fmt::format("{}", address) == address.to_string());
  REQUIRE(fmt::format("{:.8}", address) == "ba7816bf");
  REQUIRE(fmt::format("{:>66}", Digest::of(as_bytes("abc"))) == "  " + address.to_string());
  REQUIRE(fmt::format("{:<12}|", FunctionId{"concat", "1"}) == "concat/1    |");
  REQUIRE(fmt::format("{}", Errc::disk_full) == "disk_full");
  REQUIRE(fmt::format("[{}]", Error(Errc::malformed, "a NaN").with_offset(3)) == "[malformed: a NaN (offset 3)]");
}
