#include "unit/dag/dag_fuzz.hpp"

#include <cstdint>
#include <string>

#include "support/catch.hpp"
#include "support/from_environment.hpp"

namespace {

using deriva::test::from_environment;

template <class Key>
std::string run(std::uint64_t seed) {
  return deriva::test::DagFuzz<Key>(seed).run(60, seed % 4 == 3);
}

}  // namespace

// DERIVA_FUZZ_SEEDS: how many; DERIVA_FUZZ_FIRST: the first one, to repeat a failure.
TEST_CASE("a graph on disk differs from a std::map", "[dag][fuzz]") {
  const std::uint64_t first = from_environment("DERIVA_FUZZ_FIRST", 1);
  const std::uint64_t seeds = from_environment("DERIVA_FUZZ_SEEDS", 40);
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    CAPTURE(seed);
    const std::string wrong = seed % 3 == 0   ? run<deriva::test::Key8>(seed)
                              : seed % 3 == 1 ? run<deriva::Address>(seed)
                                              : run<deriva::test::Key64>(seed);
    REQUIRE(wrong == "");
  }
}
