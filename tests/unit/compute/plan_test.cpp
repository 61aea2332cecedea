#include "compute/plan.hpp"

#include <string>
#include <vector>

#include "support/catch.hpp"
#include "unit/compute/plan_fixture.hpp"

namespace deriva::test {
namespace {

using detail::Plan;

TEST_CASE("plan: a leaf finishes its request without a job") {
  PlanFixture f;
  f.leaf("a");
  f.request(1, "a");
  REQUIRE(f.plan.size() == 1);
  f.expand_all();
  REQUIRE(f.finished() == "1=a stored");
  REQUIRE_FALSE(f.plan.has_ready());
  REQUIRE(f.plan.size() == 0);
}

TEST_CASE("plan: a recipe without inputs is ready as soon as it is known") {
  PlanFixture f;
  f.recipe("x", {});
  f.request(1, "x");
  f.expand_all();
  REQUIRE(f.plan.ready_count() == 1);
  REQUIRE(f.run_all() == "x");
  REQUIRE(f.finished() == "1=x()");
  REQUIRE(f.plan.size() == 0);
}

TEST_CASE("plan: a chain runs from its end to its target, one at a time") {
  PlanFixture f;
  f.leaf("a");
  f.recipe("b", {"a"});
  f.recipe("c", {"b"});
  f.recipe("d", {"c"});
  f.request(1, "d");
  f.expand_all();
  REQUIRE(f.plan.ready_count() == 1);
  const PlanJob b = f.take_ready();
  REQUIRE(b.name == "b");
  REQUIRE_FALSE(f.try_take_ready());
  REQUIRE(f.finished().empty());
  f.complete(b);
  REQUIRE(f.run_all() == "cd");
  REQUIRE(f.finished() == "1=d(c(b(a)))");
  REQUIRE(f.plan.size() == 0);
}

TEST_CASE("plan: a diamond runs its shared input once") {
  PlanFixture f;
  f.leaf("a");
  f.recipe("b", {"a"});
  f.recipe("l", {"b"});
  f.recipe("r", {"b"});
  f.recipe("t", {"l", "b", "r"});
  f.request(1, "t");
  f.expand_all();
  f.run_all();
  REQUIRE(f.finished() == "1=t(l(b(a))b(a)r(b(a)))");
  REQUIRE(f.ran == std::map<std::string, double>{{"b", 1}, {"l", 1}, {"r", 1}, {"t", 1}});
  REQUIRE(f.plan.size() == 0);
}

TEST_CASE("plan: the same input several times is computed once and given in every place") {
  PlanFixture f;
  f.recipe("x", {});
  f.leaf("a");
  f.recipe("t", {"x", "a", "x", "a", "x"});
  f.request(1, "t");
  f.expand_all();
  REQUIRE(f.run_all() == "xt");
  REQUIRE(f.finished() == "1=t(x()ax()ax())");
  REQUIRE(f.plan.size() == 0);
}

TEST_CASE("plan: a job has its inputs in the order of the recipe, whatever order they were done in") {
  PlanFixture f;
  for (const char* name : {"x", "y", "z"}) f.recipe(name, {});
  f.recipe("t", {"y", "z", "x"});
  f.request(1, "t");
  f.expand_all();
  std::vector<PlanJob> jobs;
  for (int i = 0; i < 3; ++i) jobs.push_back(f.take_ready());
  REQUIRE_FALSE(f.try_take_ready());
  f.complete(jobs[1]);
  f.complete(jobs[2]);
  REQUIRE_FALSE(f.plan.has_ready());
  f.complete(jobs[0]);
  f.run_all();
  REQUIRE(f.finished() == "1=t(y()z()x())");
}

TEST_CASE("plan: a second request joins what the first one started") {
  PlanFixture f;
  f.recipe("x", {});
  f.recipe("t", {"x"});
  f.request(1, "t");
  f.expand_all();
  f.request(2, "x");
  const PlanJob x = f.take_ready();
  f.request(3, "x");
  f.request(4, "t");
  REQUIRE(f.take_joined() == std::vector<detail::RequestId>{2, 3, 4});
  REQUIRE(x.owner == 1);
  f.complete(x);
  REQUIRE(f.finished() == "3=x() 2=x()");
  f.run_all();
  REQUIRE(f.finished() == "4=t(x()) 1=t(x())");
  REQUIRE(f.ran["x"] == 1);
  REQUIRE(f.plan.size() == 0);
}

TEST_CASE("plan: a flight that is met over several edges is joined once, and its successor again") {
  PlanFixture f;
  f.recipe("x", {});
  f.recipe("y", {"x"});
  f.recipe("z", {"x", "y", "x"});
  f.request(1, "x");
  f.expand_all();
  f.request(2, "z");
  f.request(3, "y");
  f.expand_all();
  REQUIRE(f.take_joined() == std::vector<detail::RequestId>{2, 2, 3});  // x and y, and x.
  f.run_all();
  f.finished();
  REQUIRE(f.plan.size() == 0);
  f.request(4, "x");
  f.expand_all();
  f.request(2, "z");
  f.expand_all();
  REQUIRE(f.take_joined() == std::vector<detail::RequestId>{2});
}

TEST_CASE("plan: meeting what a request brought in itself, or what is available, is not joining") {
  PlanFixture f;
  f.recipe("x", {});
  f.recipe("y", {"x"});
  f.recipe("t", {"x", "y", "x"});
  f.request(1, "t");
  f.expand_all();
  const PlanJob x = f.take_ready();
  f.complete(x);
  f.request(2, "x");
  REQUIRE(f.finished() == "2=x()");
  REQUIRE(f.take_joined().empty());
}

TEST_CASE("plan: only as many expansions are given as were asked for") {
  PlanFixture f;
  for (detail::RequestId id = 1; id <= 5; ++id) f.request(id, "n" + std::to_string(id));
  std::vector<Plan::Expansion> taken;
  f.plan.take_expansions(3, taken);
  REQUIRE(taken.size() == 3);
  f.plan.take_expansions(9, taken);
  REQUIRE(taken.size() == 5);
  REQUIRE_FALSE(f.plan.has_expansions());
}

TEST_CASE("plan: an unknown address fails its request and everything that waits for it") {
  PlanFixture f;
  f.recipe("x", {"nowhere"});
  f.recipe("y", {"x", "nowhere"});
  f.recipe("t", {"y", "x"});
  f.request(1, "t");
  f.request(2, "y");
  f.request(3, "nowhere");
  f.expand_all();
  for (const Plan::Finished& one : f.take_finished()) {
    REQUIRE(one.failures);
    REQUIRE(one.failures->errors.at(0).code() == Errc::not_found);
    REQUIRE(*one.failures->errors.at(0).address() == f.address("nowhere"));
  }
  REQUIRE(f.plan.size() == 0);
  REQUIRE_FALSE(f.plan.has_ready());
}

TEST_CASE("plan: a failure frees the siblings that nobody else wants, and only those") {
  PlanFixture f;
  for (const char* name : {"bad", "mine", "shared"}) f.recipe(name, {});
  f.recipe("t", {"mine", "shared", "bad"});
  f.recipe("other", {"shared"});
  f.request(1, "t");
  f.request(2, "other");
  f.expand_all();
  PlanJob job = f.take_ready();
  std::vector<PlanJob> rest;
  while (job.name != "bad") {
    rest.push_back(std::move(job));
    job = f.take_ready();
  }
  f.fail(job.node);
  REQUIRE(f.finished() == "1=!function_failed");
  for (const PlanJob& other : rest) f.complete(other);
  f.run_all();
  REQUIRE(f.finished() == "2=other(shared())");
  REQUIRE(f.plan.size() == 0);
}

TEST_CASE("plan: after a failure the next request starts afresh") {
  PlanFixture f;
  f.recipe("x", {});
  f.request(1, "x");
  f.expand_all();
  f.fail(f.take_ready().node);
  REQUIRE(f.finished() == "1=!function_failed");
  f.request(2, "x");
  f.expand_all();
  f.run_all();
  REQUIRE(f.finished() == "2=x()");
  REQUIRE(f.ran["x"] == 2);
}

TEST_CASE("plan: an input says whether somebody else wants it") {
  PlanFixture f;
  f.leaf("a");
  f.leaf("b");
  f.recipe("t", {"a", "b"});
  f.recipe("u", {"a"});
  f.request(1, "t");
  f.request(2, "u");
  f.expand_all();
  PlanJob job = f.take_ready();
  if (job.name == "u") job = f.take_ready();
  REQUIRE(job.inputs[0].shared);
  REQUIRE_FALSE(job.inputs[1].shared);
}

TEST_CASE("plan: a value that was read for one is kept for the other who wants it") {
  PlanFixture f;
  f.leaf("a");
  f.recipe("t", {"a"});
  f.recipe("u", {"a"});
  f.request(1, "t");
  f.request(2, "u");
  f.expand_all();
  const PlanJob first = f.take_ready();
  REQUIRE_FALSE(first.inputs[0].value);
  f.plan.keep(first.inputs[0].node, Blob::copy_of("A"));
  const PlanJob second = f.take_ready();
  REQUIRE(second.inputs[0].value == Blob::copy_of("A"));
}

TEST_CASE("plan: a request raises the rate of verification of what is planned and not begun") {
  PlanFixture f;
  f.recipe("x", {});
  f.recipe("y", {"x"});
  f.recipe("z", {});
  f.recipe("t", {"y", "z"});
  f.request(1, "t", 0);
  f.expand_all();
  const PlanJob begun = f.take_ready();
  REQUIRE(begun.verify_rate == 0);
  f.request(2, "t", 1);
  f.request(3, "t", 0.5);  // Lowers nothing.
  f.complete(begun);
  while (f.plan.has_ready()) f.complete(f.take_ready());
  const std::string first = begun.name;
  for (const auto& [name, rate] : f.rates) REQUIRE(rate == (name == first ? 0 : 1));
  REQUIRE(f.rates.size() == 4);
}

TEST_CASE("plan: an input that is found later is verified at the rate of its dependent") {
  PlanFixture f;
  f.recipe("x", {});
  f.recipe("t", {"x"});
  f.request(1, "t", 0);
  f.request(2, "t", 1);
  f.expand_all();
  REQUIRE(f.take_ready().verify_rate == 1);
}

}  // namespace
}  // namespace deriva::test
