#include "compute/joiners.hpp"

#include <cstdint>

#include "support/catch.hpp"

namespace deriva::test {
namespace {

using detail::Joiners;

TEST_CASE("joiners: a request counts twice for a flight, or not for another one") {
  Joiners joiners;
  REQUIRE(joiners.add(1, 7));
  REQUIRE(joiners.add(1, 8));
  REQUIRE_FALSE(joiners.add(1, 7));
  REQUIRE_FALSE(joiners.add(1, 8));
  REQUIRE(joiners.add(2, 7));
}

TEST_CASE("joiners: who joined a flight is known when its number names another one, or others are forgotten with it") {
  Joiners joiners;
  for (std::uint64_t request = 1; request <= 100; ++request) REQUIRE(joiners.add(1, request));
  REQUIRE(joiners.add(2, 1));
  joiners.forget(1);
  REQUIRE_FALSE(joiners.add(2, 1));
  for (std::uint64_t request = 1; request <= 100; ++request) REQUIRE(joiners.add(1, request));
}

}  // namespace
}  // namespace deriva::test
