#include <random>
#include <string>
#include <vector>

#include "compute/plan.hpp"
#include "support/catch.hpp"
#include "unit/compute/plan_fixture.hpp"

namespace deriva::test {
namespace {

using detail::Plan;

/// The target needs `l`, and `r` twice; both need `x`.
struct Renumbered : PlanFixture {
  Renumbered() {
    leaf("x");
    recipe("l", {"x"});
    recipe("r", {"x"});
    recipe("t", {"l", "r", "r"});
    request(1, "t");
  }
  void renumber() { PlanFixture::renumber(random); }
  std::mt19937 random{7};
};

TEST_CASE("plan: once ids have another meaning, a request meets what is not what it asks for, or nothing") {
  Renumbered f;
  f.expand_all();
  const std::size_t before = f.plan.size();
  f.renumber();
  for (const char* name : {"x", "l", "r", "t"}) f.request(2 + f.targets.size(), name);
  REQUIRE(f.plan.size() == before);
  REQUIRE_FALSE(f.plan.has_expansions());
  f.run_all();
  const std::string finished = f.finished();
  for (const char* one : {"1=t(l(x)r(x)r(x))", "3=x stored", "4=l(x)", "5=r(x)", "6=t(l(x)r(x)r(x))"}) {
    REQUIRE_THAT(finished, contains(one));
  }
  REQUIRE(f.plan.size() == 0);
}

TEST_CASE("plan: what is yet to be explored is looked up under its old id") {
  Renumbered f;
  f.answer(*f.take_expansion());
  f.renumber();
  f.expand_all();
  f.run_all();
  REQUIRE(f.finished() == "1=t(l(x)r(x)r(x))");
}

TEST_CASE("plan: an input in the store is read under its old id") {
  Renumbered f;
  f.expand_all();
  f.renumber();
  const PlanJob job = f.take_ready();  // The fixture compares.
  REQUIRE(f.batch.missing.size() == 1);
  REQUIRE(f.plan.store_id(f.batch.missing.front().node) == f.ids.at("x"));
  f.complete(job);
}

TEST_CASE("plan: who comes after the ids have changed gets what was forgotten") {
  Renumbered f;
  f.expand_all();
  const PlanJob abandoned = f.take_ready();
  f.plan.set_stoppable(abandoned.node);
  REQUIRE(f.drop(1));
  REQUIRE(f.plan.forgotten(abandoned.node));
  f.renumber();
  f.request(2, abandoned.name);
  f.expand_all();
  const PlanJob fresh = f.take_ready();
  REQUIRE(fresh.name == abandoned.name);
  REQUIRE(fresh.node != abandoned.node);
  f.complete(fresh);
  f.fail(abandoned.node);
  REQUIRE(f.plan.size() == 0);
}

TEST_CASE("plan: after the ids have changed, a value that its only taker has is found without it") {
  Renumbered f;
  f.recipe("y", {});
  f.recipe("z", {"y"});
  f.request(2, "z");
  f.expand_all();
  while (f.plan.has_ready()) {
    const PlanJob job = f.take_ready();
    if (job.name == "z") break;  // It took what it needs along.
    f.complete(job);
  }
  f.renumber();
  f.request(3, "y");
  f.expand_all();
  f.run_all();
  REQUIRE_THAT(f.finished(), contains("3=y()"));
}

TEST_CASE("plan: what lies below a recipe that was removed keeps an id that means something else") {
  Renumbered f;
  f.answer(*f.take_expansion());
  f.graph.at("t") = std::nullopt;
  f.renumber();
  const Plan::Expansion lost = *f.take_expansion();
  REQUIRE(lost.id == detail::none);
  f.answer(lost);
  REQUIRE(f.finished() == "1=!not_found");
  REQUIRE(f.drop(1) == false);
  while (const auto expansion = f.take_expansion()) f.answer(*expansion);
  f.plan.sweep(~std::size_t{0});
  REQUIRE(f.plan.size() == 0);
}

TEST_CASE("plan: a node that only the caller knows is not found any more") {
  Renumbered f;
  f.expand_all();
  const PlanJob job = f.take_ready();
  f.plan.pin(job.node);
  f.complete(job);
  f.drop(1);
  const detail::StoreId other = f.ids.at(job.name) + 100;
  const Plan::Named named{job.node, other};
  const auto nothing = [](detail::StoreId) { return std::span<const detail::StoreId>(); };
  SECTION("it is named") {
    f.plan.renumber(1, {&named, 1}, nothing);
    REQUIRE(f.plan.in_flight(other, false));
  }
  SECTION("it is not") {
    f.plan.renumber(1, {}, nothing);
    REQUIRE_FALSE(f.plan.in_flight(other, false));
  }
  REQUIRE_FALSE(f.plan.in_flight(f.ids.at(job.name), false));
  f.plan.unpin(job.node);
  REQUIRE(f.plan.size() == 0);
}

}  // namespace
}  // namespace deriva::test
