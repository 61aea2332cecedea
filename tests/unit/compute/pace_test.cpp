#include "compute/pace.hpp"

#include <chrono>

#include "support/catch.hpp"

namespace deriva::test {
namespace {

using detail::Pace;
using std::chrono::nanoseconds;

TEST_CASE("pace: functions that nobody has measured are shared") { REQUIRE(Pace().worth_sharing()); }

TEST_CASE("pace: functions are shared if they take half as long again as what is done for each under the mutex") {
  Pace pace;
  for (int i = 0; i < 200; ++i) {
    pace.function_took(nanoseconds(170));
    pace.engine_took(nanoseconds(100 * 256), 256);
  }
  REQUIRE(pace.worth_sharing());
  REQUIRE_FALSE(pace.worth_sharing(130));
  for (int i = 0; i < 200; ++i) pace.engine_took(nanoseconds(200 * 256), 256);
  REQUIRE_FALSE(pace.worth_sharing());
  REQUIRE(pace.worth_sharing(320));
  for (int i = 0; i < 200; ++i) pace.function_took(nanoseconds(330));
  REQUIRE(pace.worth_sharing());
}

TEST_CASE("pace: a thread that was interrupted under the mutex does not keep others from what takes long enough") {
  Pace pace;
  for (int i = 0; i < 100; ++i) pace.engine_took(std::chrono::milliseconds(10), 256);
  REQUIRE_FALSE(pace.worth_sharing(300));
  REQUIRE(pace.worth_sharing(500));
}

TEST_CASE("pace: one batch that takes longer than the average is enough to share what follows") {
  Pace pace;
  for (int i = 0; i < 100; ++i) pace.function_took(nanoseconds(10));
  REQUIRE_FALSE(pace.worth_sharing());
  pace.functions_took(nanoseconds(1'000 * 64), 64);
  REQUIRE(pace.worth_sharing());
  pace.functions_took(nanoseconds(10 * 64), 64);
  REQUIRE(pace.worth_sharing());
}

}  // namespace
}  // namespace deriva::test
