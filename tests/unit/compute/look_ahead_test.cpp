#include "compute/look_ahead.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "support/catch.hpp"

namespace deriva::test {
namespace {

using detail::LookAhead;
using detail::none;

struct Found {
  std::uint32_t id;
};

TEST_CASE("look ahead: looks at ever more although little of it is asked for, or never at more") {
  LookAhead ahead;
  const std::size_t first = ahead.budget();
  REQUIRE(first > 0);
  ahead.used(first, first);
  REQUIRE(ahead.budget() == 2 * first);
  for (int i = 0; i < 20; ++i) ahead.used(ahead.budget(), ahead.budget());
  REQUIRE(ahead.budget() == LookAhead::most);
  ahead.used(17, LookAhead::most);
  REQUIRE(ahead.budget() == 17);
  ahead.used(0, 17);
  REQUIRE(ahead.budget() == first);
}

TEST_CASE("look ahead: finds what another id of the same place has, or what an earlier list had") {
  LookAhead ahead;
  const std::vector<Found> found{{7}, {7 + 1'024}, {9}};
  REQUIRE(ahead.find(0, found) == none);
  ahead.add(7, 0);
  REQUIRE(ahead.find(7, found) == 0);
  ahead.add(7 + 1'024, 1);
  REQUIRE(ahead.find(7, found) == none);
  REQUIRE(ahead.find(7 + 1'024, found) == 1);
  ahead.add(9, 2);
  REQUIRE(ahead.find(9, found) == 2);
  REQUIRE(ahead.find(9, std::vector<Found>(found.begin(), found.begin() + 2)) == none);
  REQUIRE(ahead.find(9, std::vector<Found>{{1}, {2}, {3}}) == none);
}

}  // namespace
}  // namespace deriva::test
