#include "dag/id_set.hpp"

#include <random>
#include <set>

#include "support/catch.hpp"

using deriva::detail::Failure;
using deriva::detail::graph::Id;
using deriva::detail::graph::IdSet;

TEST_CASE("a set of ids differs from a std::set", "[dag]") {
  const Id bound = GENERATE(1U, 64U, 4'096U, 4'097U, 100'000U);
  std::mt19937 random(bound);
  IdSet ids(bound);
  std::set<Id> model;
  for (int i = 0; i < 300; ++i) {
    const Id id = static_cast<Id>(random()) % bound;
    REQUIRE(ids.insert(id) == model.insert(id).second);
    const Id doubtful = static_cast<Id>(random()) % bound;
    const bool wanted = random() % 2 == 0;
    ids.insert_if(doubtful, wanted);
    if (wanted) model.insert(doubtful);
    const Id probe = static_cast<Id>(random()) % bound;
    REQUIRE(ids.contains(probe) == model.contains(probe));
    const auto next = model.lower_bound(probe);
    REQUIRE(ids.at_least(probe) == (next == model.end() ? IdSet::none : *next));
    const auto after = model.upper_bound(probe);
    REQUIRE(ids.at_most(probe) == (after == model.begin() ? IdSet::none : *std::prev(after)));
  }
  for (Id first = 0; first < bound; first += 1 + first / 7) {
    const std::uint64_t members = ids.members(first);
    for (Id bit = 0; bit < 64; ++bit) {
      if (((members >> bit) & 1U) != model.count(first + bit)) FAIL("bit " << bit << " from " << first);
    }
  }
  REQUIRE_THROWS_AS(ids.insert(bound), Failure);
  REQUIRE_THROWS_AS(ids.insert_if(bound, false), Failure);
}
