#include <string>
#include <vector>

#include "compute/plan.hpp"
#include "support/catch.hpp"
#include "unit/compute/plan_fixture.hpp"

namespace deriva::test {
namespace {

using detail::Plan;

TEST_CASE("plan: dropping the only request before expansion leaves nothing, and its queue entry is stale") {
  PlanFixture f;
  f.request(1, "x");
  REQUIRE(f.drop(1));
  REQUIRE(f.plan.size() == 0);
  REQUIRE_FALSE(f.take_expansion());
  REQUIRE(f.finished().empty());
  REQUIRE_FALSE(f.drop(1));
}

TEST_CASE("plan: a node that is dropped while it is expanding is freed by the answer") {
  PlanFixture f;
  f.recipe("x", {"y"});
  f.leaf("y");
  SECTION("a recipe") { f.request(1, "x"); }
  SECTION("a stored value") { f.request(1, "y"); }
  SECTION("nothing") { f.request(1, "z"); }
  const auto expansion = f.take_expansion();
  REQUIRE(f.drop(1));
  REQUIRE(f.plan.size() == 1);
  f.answer(*expansion);
  REQUIRE(f.plan.size() == 0);
  REQUIRE_FALSE(f.plan.has_expansions());
  REQUIRE(f.finished().empty());
}

TEST_CASE("plan: a newcomer takes an expanding node over that was dropped") {
  PlanFixture f;
  f.recipe("x", {});
  f.request(1, "x");
  const auto expansion = f.take_expansion();
  f.drop(1);
  f.request(2, "x");
  REQUIRE_FALSE(f.take_expansion());  // Not twice.
  f.answer(*expansion);
  f.run_all();
  REQUIRE(f.finished() == "2=x()");
  REQUIRE(f.ran["x"] == 1);
}

TEST_CASE("plan: dropping a waiting chain frees all of it") {
  PlanFixture f;
  f.recipe("x", {});
  f.recipe("y", {"x"});
  f.recipe("t", {"y"});
  f.request(1, "t");
  f.expand_all();
  REQUIRE(f.plan.size() == 3);
  f.drop(1);
  REQUIRE(f.plan.size() == 0);
  REQUIRE_FALSE(f.try_take_ready());  // The entry in the queue is stale.
}

TEST_CASE("plan: a slice of sweeping is longer than it may be because nodes have many inputs") {
  PlanFixture f;
  PlanFixture::Inputs sums;
  for (int i = 0; i < 3; ++i) {
    PlanFixture::Inputs inputs;
    for (int k = 0; k < 10; ++k) {
      inputs.push_back("x" + std::to_string(10 * i + k));
      f.recipe(inputs.back(), {});
    }
    sums.push_back("s" + std::to_string(i));
    f.recipe(sums.back(), inputs);
  }
  f.recipe("t", sums);
  f.request(1, "t");
  f.expand_all();
  const std::size_t all = f.plan.size();
  REQUIRE(f.plan.drop_request(1));
  f.plan.sweep(2);
  REQUIRE(f.plan.size() == all - 1);  // The target, with three inputs.
  f.plan.sweep(11);
  REQUIRE(f.plan.size() == all - 2);  // A sum, with ten.
  f.plan.sweep(~std::size_t{0});
  REQUIRE(f.plan.size() == 0);
}

TEST_CASE("plan: one waiter leaving changes nothing for the rest") {
  PlanFixture f;
  f.recipe("x", {});
  f.recipe("t", {"x"});
  for (detail::RequestId id = 1; id <= 3; ++id) f.request(id, "t");
  f.expand_all();
  f.drop(2);
  const PlanJob x = f.take_ready();
  f.drop(1);
  f.complete(x);
  f.run_all();
  REQUIRE(f.finished() == "3=t(x())");
  REQUIRE(f.plan.size() == 0);
}

TEST_CASE("plan: what another request wants stays when one is dropped") {
  PlanFixture f;
  f.recipe("x", {});
  f.recipe("t", {"x", "only"});
  f.recipe("only", {});
  f.recipe("u", {"x"});
  f.request(1, "t");
  f.request(2, "u");
  f.expand_all();
  REQUIRE(f.plan.size() == 4);
  f.drop(1);
  REQUIRE(f.plan.size() == 2);
  f.run_all();
  REQUIRE(f.finished() == "2=u(x())");
  REQUIRE(f.ran.count("only") == 0);
}

TEST_CASE("plan: a running node that nobody wants goes when it is done, and takes nobody with it") {
  PlanFixture f;
  f.leaf("a");
  f.recipe("x", {"a"});
  f.request(1, "x");
  f.expand_all();
  const PlanJob x = f.take_ready();
  f.drop(1);
  REQUIRE_FALSE(f.plan.wanted(x.node));
  REQUIRE(f.plan.size() == 2);
  SECTION("with a value") { f.complete(x); }
  SECTION("with an error") { f.fail(x.node); }
  REQUIRE(f.plan.size() == 0);
  REQUIRE(f.finished().empty());
}

TEST_CASE("plan: a newcomer joins a plain function that runs on, unwanted") {
  PlanFixture f;
  f.recipe("x", {});
  f.request(1, "x");
  f.expand_all();
  const PlanJob x = f.take_ready();
  f.drop(1);
  f.request(2, "x");
  REQUIRE_FALSE(f.plan.has_expansions());
  f.complete(x);
  REQUIRE(f.finished() == "2=x()");
  REQUIRE(f.ran["x"] == 1);
}

TEST_CASE("plan: a stoppable node that nobody wants is forgotten, and a newcomer starts afresh") {
  PlanFixture f;
  f.recipe("x", {});
  f.request(1, "x");
  f.expand_all();
  const PlanJob stopped = f.take_ready();
  f.plan.set_stoppable(stopped.node);
  REQUIRE_FALSE(f.plan.forgotten(stopped.node));
  f.drop(1);
  REQUIRE(f.plan.forgotten(stopped.node));
  REQUIRE(f.plan.take_abandoned() == std::vector<detail::NodeId>{stopped.node});
  REQUIRE(f.plan.take_abandoned().empty());

  f.request(2, "x");
  f.expand_all();
  const PlanJob fresh = f.take_ready();
  REQUIRE(fresh.node != stopped.node);
  SECTION("the old one reports first") {
    f.fail(stopped.node, Errc::cancelled);
    f.complete(fresh);
  }
  SECTION("the new one reports first") {
    f.complete(fresh);
    f.fail(stopped.node, Errc::cancelled);
  }
  REQUIRE(f.finished() == "2=x()");
  REQUIRE(f.plan.size() == 0);
}

TEST_CASE("plan: a stoppable node that somebody wants is not abandoned") {
  PlanFixture f;
  f.recipe("x", {});
  f.request(1, "x");
  f.request(2, "x");
  f.expand_all();
  const PlanJob x = f.take_ready();
  f.plan.set_stoppable(x.node);
  f.drop(1);
  REQUIRE(f.plan.take_abandoned().empty());
  REQUIRE_FALSE(f.plan.forgotten(x.node));
  f.complete(x);
  REQUIRE(f.finished() == "2=x()");
}

TEST_CASE("plan: a failure abandons the stoppable siblings that only the failed needed") {
  PlanFixture f;
  f.recipe("slow", {});
  f.recipe("bad", {});
  f.recipe("t", {"slow", "bad"});
  f.request(1, "t");
  f.expand_all();
  PlanJob one = f.take_ready();
  PlanJob two = f.take_ready();
  if (one.name == "bad") std::swap(one, two);
  f.plan.set_stoppable(one.node);
  f.fail(two.node);
  REQUIRE(f.plan.take_abandoned() == std::vector<detail::NodeId>{one.node});
  f.fail(one.node, Errc::cancelled);
  REQUIRE(f.finished() == "1=!function_failed");
  REQUIRE(f.plan.size() == 0);
}

TEST_CASE("plan: a pinned node stays after its answer, is found by newcomers, and goes when it is unpinned") {
  PlanFixture f;
  f.recipe("x", {});
  f.request(1, "x");
  f.expand_all();
  const PlanJob x = f.take_ready();
  f.plan.pin(x.node);
  f.complete(x);
  REQUIRE(f.finished() == "1=x()");
  REQUIRE(f.plan.size() == 1);
  f.request(2, "x");
  REQUIRE(f.finished() == "2=x()");
  f.recipe("t", {"x"});
  f.request(3, "t");
  f.expand_all();
  REQUIRE(f.run_all() == "t");
  REQUIRE(f.finished() == "3=t(x())");
  f.plan.unpin(x.node);
  REQUIRE(f.plan.size() == 0);
}

TEST_CASE("plan: an id that is used again is not reached by the queues and edges of what it named before") {
  PlanFixture f;
  f.recipe("slow", {});
  f.recipe("t", {"slow"});
  f.recipe("u", {"slow", "v"});
  f.recipe("v", {});
  f.request(1, "slow");
  f.request(2, "t");
  f.expand_all();
  const PlanJob slow = f.take_ready();
  f.drop(2);          // The edge from "slow" to "t" is stale now;
  f.request(3, "u");  // "u" has the id of "t", and waits for two.
  f.expand_all();
  f.complete(slow);
  REQUIRE(f.finished() == "1=slow()");
  REQUIRE(f.run_all() == "vu");
  REQUIRE(f.finished() == "3=u(slow()v())");
  REQUIRE(f.plan.size() == 0);
}

TEST_CASE("plan: dropping each request of many on one address leaves nothing") {
  PlanFixture f;
  f.recipe("x", {});
  for (detail::RequestId id = 1; id <= 1'000; ++id) f.request(id, "x");
  f.expand_all();
  for (detail::RequestId id = 1; id <= 1'000; id += 2) REQUIRE(f.drop(id));
  for (detail::RequestId id = 1'000; id > 0; id -= 2) REQUIRE(f.drop(id));
  REQUIRE(f.plan.size() == 0);
  REQUIRE_FALSE(f.try_take_ready());
}

}  // namespace
}  // namespace deriva::test
