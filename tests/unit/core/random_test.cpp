#include "core/random.hpp"

#include <cstdint>
#include <set>

#include "support/catch.hpp"

using deriva::detail::random_seed;

TEST_CASE("random seeds repeat, or some of their bits are always the same") {
  constexpr std::size_t count = 1'000;  // That a bit is the same in all of them by chance: once in 2^999 runs.
  std::set<std::uint64_t> seeds;
  std::uint64_t ever_set = 0;
  std::uint64_t always_set = ~std::uint64_t{0};
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t seed = random_seed();
    seeds.insert(seed);
    ever_set |= seed;
    always_set &= seed;
  }
  REQUIRE(seeds.size() == count);
  REQUIRE(ever_set == ~std::uint64_t{0});
  REQUIRE(always_set == 0);
}
