#include <optional>
#include <string>

#include "compute/plan.hpp"
#include "support/catch.hpp"
#include "unit/compute/plan_fixture.hpp"

namespace deriva::test {
namespace {

using detail::Plan;

constexpr std::size_t everything = ~std::size_t{0};

/// A hub that runs, and ten that need it, each wanted by the request of its number.
struct Fan : PlanFixture {
  explicit Fan(bool keep_going = false) {
    tells_at_once = false;
    recipe("hub", {});
    for (detail::RequestId i = 1; i <= 10; ++i) {
      recipe("d" + std::to_string(i), {"hub"});
      request(i, "d" + std::to_string(i), 0, Priority::normal, keep_going);
    }
    expand_all();
    hub = take_ready();
  }
  PlanJob hub;
};

TEST_CASE("plan: a failure is told to a few at a time, and no host learns of it before all of them know") {
  Fan f(GENERATE(false, true));
  f.fail(f.hub.node);
  std::size_t slices = 0;
  std::size_t last = f.plan.size();
  for (; f.plan.has_failing(); ++slices) {
    REQUIRE(f.finished().empty());
    f.plan.fail_further(4);
    REQUIRE(last - f.plan.size() <= 4);
    last = f.plan.size();
  }
  REQUIRE(slices >= 5);
  REQUIRE(f.take_finished().size() == 10);
  REQUIRE(f.plan.size() == 0);
}

TEST_CASE("plan: who joins what is yet to fail fails with it, and who asks for what failed starts afresh") {
  Fan f;
  f.fail(f.hub.node);
  f.plan.fail_further(4);
  f.request(11, "d1");
  f.request(12, "hub");
  REQUIRE(f.plan.has_expansions());
  f.expand_all();
  REQUIRE(f.run_all() == "hub");
  REQUIRE(f.finished() == "12=hub()");  // A failure that is being told keeps nobody else from being answered.
  f.plan.fail_further(everything);
  REQUIRE(f.take_finished().size() == 11);
  REQUIRE(f.plan.size() == 0);
  f.request(13, "d1");
  f.expand_all();
  f.run_all();
  REQUIRE(f.finished() == "13=d1(hub())");
}

TEST_CASE("plan: who leaves while a failure is told is not told, and what only it wanted goes") {
  Fan f(GENERATE(false, true));
  f.fail(f.hub.node);
  f.plan.fail_further(5);
  std::size_t left = 0;
  for (detail::RequestId i = 1; i <= 10; ++i) left += f.plan.drop_request(i) ? 1U : 0U;
  REQUIRE(left >= 5);
  REQUIRE(left < 10);  // Some had been told.
  if (GENERATE(true, false)) f.plan.sweep(everything);
  f.plan.fail_further(everything);
  f.plan.sweep(everything);
  REQUIRE(f.take_finished().size() == 10 - left);
  REQUIRE(f.plan.size() == 0);
}

TEST_CASE("plan: what is above a failure and keeps going is passed a few at a time, and may be dropped meanwhile") {
  PlanFixture f;
  f.tells_at_once = false;
  f.recipe("bad", {});
  f.recipe("slow", {});
  f.recipe("hub", {"bad", "slow"});
  f.request(1, "hub", 0, Priority::normal, true);
  for (detail::RequestId i = 2; i <= 9; ++i) {
    f.recipe("d" + std::to_string(i), {"hub"});
    f.recipe("e" + std::to_string(i), {"d" + std::to_string(i)});
    f.request(i, (i % 4 < 2 ? "d" : "e") + std::to_string(i), 0, Priority::normal, i % 2 == 0);
  }
  f.expand_all();
  PlanJob bad = f.take_ready();
  PlanJob slow = f.take_ready();
  if (bad.name != "bad") std::swap(bad, slow);
  f.fail(bad.node);
  const std::size_t slice = GENERATE(1U, 2U, 3U, 5U, 8U, 100U);
  const bool drops = GENERATE(false, true);
  f.plan.fail_further(slice);
  std::size_t left = 0;
  for (detail::RequestId i = 2; drops && i <= 9; i += 3) left += f.plan.drop_request(i) ? 1U : 0U;
  f.plan.sweep(everything);
  while (f.plan.has_failing()) f.plan.fail_further(slice);
  std::size_t impatient = 0;
  for (const Plan::Finished& one : f.take_finished()) impatient += one.request % 2;
  REQUIRE(impatient + left >= 4);  // They are told although "slow" runs on.
  REQUIRE(impatient <= 4);
  f.complete(slow);
  f.plan.fail_further(everything);
  f.plan.sweep(everything);
  REQUIRE(f.take_finished().size() >= 5 - left);
  REQUIRE(f.plan.size() == 0);
}

TEST_CASE("plan: a function whose time is over may be answered while that is being told") {
  Fan f;
  f.plan.set_stoppable(f.hub.node);
  f.plan.expire(f.hub.node, Error(Errc::deadline_exceeded));
  f.plan.fail_further(GENERATE(0U, 1U, 7U));
  f.fail(f.hub.node, Errc::cancelled);
  f.plan.fail_further(everything);
  const std::vector<Plan::Finished> finished = f.take_finished();
  REQUIRE(finished.size() == 10);
  for (const Plan::Finished& one : finished) {
    REQUIRE(one.failures->errors.front().code() == Errc::deadline_exceeded);
  }
  REQUIRE(f.plan.size() == 0);
}

}  // namespace
}  // namespace deriva::test
