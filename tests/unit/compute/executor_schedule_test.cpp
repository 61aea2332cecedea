// Explores orders of execution: one thread, clocks of its own, and a seed that says who steps next, and what is
// cancelled, thrown and destroyed at which step. DERIVA_SCHEDULES=N explores N seeds, DERIVA_SCHEDULE=S seed S alone.

#include <cstdint>

#include "support/catch.hpp"
#include "support/from_environment.hpp"
#include "unit/compute/compute_fixture.hpp"
#include "unit/compute/schedule.hpp"

namespace deriva::test {
namespace {

/// `executors(seed)`: how many share the store.
template <class Executors>
void explore(std::uint64_t seeds, const Executors& executors) {
  ComputeFixture f;
  const std::uint64_t only = from_environment("DERIVA_SCHEDULE", 0);
  const std::uint64_t first = only > 0 ? only : 1;
  const std::uint64_t count = only > 0 ? 1 : from_environment("DERIVA_SCHEDULES", seeds);
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    INFO("DERIVA_SCHEDULE=" << seed);
    Schedule(seed, *f.store, executors(seed)).run();
  }
}

TEST_CASE("schedules: whoever steps next, every request ends once, as it should, with one run for all at a time") {
  explore(20'000, [](std::uint64_t) { return 1U; });
}

TEST_CASE("schedules: executors of one store run nothing that another one runs, and none waits for ever") {
  explore(10'000, [](std::uint64_t seed) { return 2 + seed % 2; });
}

TEST_CASE("schedules: a seed goes the same way each time") {
  constexpr std::uint64_t seeds = 500;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    INFO("DERIVA_SCHEDULE=" << seed);
    const auto trace = [seed] {
      ComputeFixture f;
      Schedule schedule(seed, *f.store, 1 + seed % 3);
      schedule.run();
      return schedule.trace();
    };
    const std::uint64_t first = trace();
    REQUIRE(trace() == first);
  }
}

}  // namespace
}  // namespace deriva::test
