#include "compute/grace_periods.hpp"

#include <cstdint>
#include <random>
#include <set>
#include <vector>

#include "support/catch.hpp"

namespace deriva::test {
namespace {

using detail::GracePeriods;
using Over = std::vector<std::uint32_t>;

TEST_CASE("grace periods: what is kept goes with the end of what was under way, not before") {
  GracePeriods periods;
  Over over;
  const GracePeriods::Period first = periods.current();
  periods.begin(first);
  periods.begin(first);
  periods.keep(7);
  periods.end(first, over);
  REQUIRE(over.empty());
  REQUIRE(periods.any());
  periods.end(first, over);
  REQUIRE(over == Over{7});
  REQUIRE_FALSE(periods.any());
}

TEST_CASE("grace periods: what begins later is not waited for") {
  GracePeriods periods;
  Over over;
  const GracePeriods::Period first = periods.current();
  periods.begin(first);
  periods.begin(first);
  periods.keep(1);
  periods.end(first, over);
  const GracePeriods::Period second = periods.current();
  periods.begin(second);
  periods.keep(2);
  periods.end(first, over);
  REQUIRE(over == Over{1});
  periods.end(second, over);
  REQUIRE(over == Over{1, 2});
}

/// Things that begin and end at random; something is always under way.
TEST_CASE("grace periods: nothing goes too early, and everything goes although there is always something under way") {
  struct UnderWay {
    GracePeriods::Period period;
    std::uint32_t begun;
  };
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    GracePeriods periods;
    std::vector<UnderWay> under_way;
    std::set<std::uint32_t> kept;
    std::uint32_t now = 0;
    for (int step = 0; step < 2'000; ++step) {
      ++now;
      if (under_way.size() < 2 || (under_way.size() < 5 && random() % 2 == 0)) {
        under_way.push_back({periods.current(), now});
        periods.begin(under_way.back().period);
        continue;
      }
      periods.keep(now);
      kept.insert(now);
      const auto ended = under_way.begin() + static_cast<std::ptrdiff_t>(random() % under_way.size());
      const UnderWay gone = *ended;
      under_way.erase(ended);
      Over over;
      periods.end(gone.period, over);
      for (const std::uint32_t element : over) {
        REQUIRE(kept.erase(element) == 1);
        for (const UnderWay& other : under_way) REQUIRE(other.begun > element);
      }
    }
    REQUIRE(kept.size() < 500);
    Over over;
    for (const UnderWay& last : under_way) periods.end(last.period, over);
    REQUIRE(over.size() == kept.size());
  }
}

}  // namespace
}  // namespace deriva::test
