#include "storage/checksum.hpp"

#include "support/catch.hpp"

#include <deriva/core/bytes.hpp>

namespace deriva::test {

TEST_CASE("a checksum is another one than what other versions have stored", "[storage]") {
  // From the description of XXH3.
  REQUIRE(detail::checksum({}, 0) == 0x2d06800538d394c2U);
  REQUIRE(detail::checksum(as_bytes("a"), 0) == 0xe6c632b61e964e1fU);
  REQUIRE(detail::checksum(as_bytes("a"), 1) != 0xe6c632b61e964e1fU);
}

}  // namespace deriva::test
