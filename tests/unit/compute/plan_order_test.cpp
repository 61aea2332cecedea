#include <algorithm>
#include <string>
#include <vector>

#include "compute/plan.hpp"
#include "support/catch.hpp"
#include "unit/compute/plan_fixture.hpp"

namespace deriva::test {
namespace {

TEST_CASE("plan: the node with the longest way to go comes first, whatever order it was found in") {
  PlanFixture f;
  f.recipe("a", {}, 1'000);
  f.recipe("b", {}, 1'000);
  f.recipe("c", {}, 1'000);
  f.recipe("m", {"b"}, 50'000);
  f.recipe("n", {"m"}, 50'000);
  const bool forwards = GENERATE(true, false);
  f.recipe("t", forwards ? PlanFixture::Inputs{"a", "n", "c"} : PlanFixture::Inputs{"c", "n", "a"}, 1'000);
  f.request(1, "t");
  f.expand_all();
  REQUIRE(f.take_ready().name == "b");
}

TEST_CASE("plan: of ways that are equally long, the one that was found first comes first") {
  PlanFixture f;
  for (const char* name : {"a", "b", "c", "d", "e"}) f.recipe(name, {}, 1'000);
  f.recipe("t", {"d", "a", "e", "c", "b"}, 1'000);
  f.request(1, "t");
  f.expand_all();
  REQUIRE(f.run_all() == "daecbt");
}

TEST_CASE("plan: what a completed node made ready runs before what waits in the queue") {
  PlanFixture f;
  for (const char* name : {"a", "b", "c"}) f.recipe(name, {});
  f.recipe("m", {"b"});
  f.recipe("t", {"a", "m", "c"});
  f.request(1, "t");
  f.expand_all();
  REQUIRE(f.run_all().substr(0, 2) == "bm");
  REQUIRE(f.finished() == "1=t(a()m(b())c())");
}

TEST_CASE("plan: requests take turns, and none waits for all of another") {
  PlanFixture f;
  PlanFixture::Inputs many;
  for (int i = 0; i < 20; ++i) {
    many.push_back("x" + std::to_string(i) + ".");
    f.recipe(many.back(), {});
  }
  f.recipe("large", many);
  f.recipe("s", {});
  f.recipe("small", {"s"});
  f.request(1, "large");
  f.request(2, "small");
  f.expand_all();
  std::string order;
  for (int i = 0; i < 6; ++i) {
    const PlanJob job = f.take_ready();
    order += job.name;
    f.complete(job);
  }
  REQUIRE(order.find("small") != std::string::npos);
}

TEST_CASE("plan: a small request gets more than every second turn beside a large one, which is not left waiting") {
  constexpr int small_nodes = 100;
  PlanFixture f;
  PlanFixture::Inputs many;
  for (int i = 0; i < 3'000; ++i) {
    many.push_back("x" + std::to_string(i));
    f.recipe(many.back(), {});
  }
  f.recipe("large", many);
  f.request(1, "large");
  f.expand_all();
  for (int i = 0; i < 1'024; ++i) f.complete(f.take_ready());
  const bool is_chain = GENERATE(true, false);
  PlanFixture::Inputs inputs;
  for (int i = 0; i < small_nodes; ++i) {
    const std::string name = "s" + std::to_string(i);
    f.recipe(name, is_chain && i > 0 ? PlanFixture::Inputs{inputs.back()} : PlanFixture::Inputs{});
    inputs.push_back(name);
  }
  f.recipe("small", is_chain ? PlanFixture::Inputs{inputs.back()} : inputs);
  f.request(2, "small");
  f.expand_all();
  int of_large = 0;
  for (bool is_over = false; !is_over;) {
    const PlanJob taken = f.take_ready();
    of_large += taken.name[0] == 'x' ? 1 : 0;
    is_over = taken.name == "small";
    f.complete(taken);
  }
  REQUIRE(of_large < small_nodes * 9 / 10);
  REQUIRE(of_large > small_nodes * 8 / 10);
}

TEST_CASE("plan: a more urgent request comes first, and a less urgent one is not forgotten") {
  PlanFixture f;
  PlanFixture::Inputs urgent;
  for (int i = 0; i < 40; ++i) {
    urgent.push_back("u" + std::to_string(i) + ".");
    f.recipe(urgent.back(), {});
  }
  f.recipe("urgent", urgent);
  f.recipe("low", {});
  f.request(1, "low", 0, Priority::low);
  f.request(2, "urgent", 0, Priority::high);
  f.expand_all();
  std::vector<std::string> order;
  while (const std::optional<PlanJob> job = f.try_take_ready()) {
    order.push_back(job->name);
    f.complete(*job);
  }
  const auto low = std::find(order.begin(), order.end(), "low") - order.begin();
  REQUIRE(low > 0);
  REQUIRE(low <= 16);
}

TEST_CASE("plan: no more nodes run than their limit has places, and each of them gets one") {
  PlanFixture f;
  f.plan.set_function(0, f.function, {f.plan.add_limit(2), f.plan.add_limit(1)});
  f.recipe("a", {});
  f.recipe("b", {"a"});
  f.recipe("c", {});
  f.recipe("t", {"b", "c"});
  f.request(1, "t");
  f.expand_all();
  const PlanJob first = f.take_ready();
  REQUIRE_FALSE(f.try_take_ready());
  f.complete(first);
  const PlanJob second = f.take_ready();
  REQUIRE_FALSE(f.try_take_ready());
  f.complete(second);
  f.run_all();
  REQUIRE(f.finished() == "1=t(b(a())c())");
  REQUIRE(f.plan.size() == 0);
}

TEST_CASE("plan: a job that is put back is ready again, behind the others, and runs") {
  PlanFixture f;
  f.recipe("a", {});
  f.recipe("b", {});
  f.recipe("t", {"a", "b"});
  f.request(1, "t");
  f.expand_all();
  f.plan.put_back(f.take_ready().node);
  const PlanJob second = f.take_ready();
  REQUIRE(second.name == "b");
  const PlanJob first = f.take_ready();
  REQUIRE(first.name == "a");
  f.complete(second);
  f.complete(first);
  f.run_all();
  REQUIRE(f.finished() == "1=t(a()b())");
  REQUIRE(f.plan.size() == 0);
}

TEST_CASE("plan: a job that is put back when nobody wants it any more is freed, and does not run") {
  PlanFixture f;
  f.recipe("a", {});
  f.request(1, "a");
  f.expand_all();
  const PlanJob job = f.take_ready();
  f.drop(1);
  f.plan.put_back(job.node);
  REQUIRE_FALSE(f.try_take_ready());
  REQUIRE(f.plan.size() == 0);
}

TEST_CASE("plan: a node that waits for a place, and is not wanted, does not take it") {
  PlanFixture f;
  f.plan.set_function(0, f.function, {f.plan.add_limit(1), 0});
  for (const char* name : {"a", "b", "c"}) f.recipe(name, {});
  f.request(1, "a");
  f.request(2, "b");
  f.request(3, "c");
  f.expand_all();
  const PlanJob running = f.take_ready();
  REQUIRE_FALSE(f.try_take_ready());
  const detail::RequestId dropped = running.name == "b" ? 1 : 2;
  f.drop(dropped);
  f.complete(running);
  f.run_all();
  REQUIRE(f.ran.size() == 2);
  REQUIRE(f.plan.size() == 0);
}

TEST_CASE("plan: a place that the next one cannot take, because it lacks another, is offered to the one behind it") {
  PlanFixture f;
  const std::uint32_t left = f.plan.add_limit(1);
  const std::uint32_t right = f.plan.add_limit(1);
  f.plan.set_function(0, f.function, {left, right});
  f.plan.set_function(1, f.function, {left, 0});
  f.plan.set_function(2, f.function, {right, 0});
  f.functions = {{"left", 1}, {"right", 2}};
  for (const char* name : {"first", "both", "left", "right"}) f.recipe(name, {});
  f.request(1, "first");
  f.expand_all();
  const PlanJob first = f.take_ready();
  f.request(2, "both");
  f.request(3, "left");
  f.expand_all();
  REQUIRE_FALSE(f.try_take_ready());  // They wait for the same limit, in this order.
  f.request(4, "right");
  f.expand_all();
  f.complete(first);
  const PlanJob right_job = f.take_ready();
  REQUIRE(right_job.name == "right");
  const PlanJob left_job = f.take_ready();
  REQUIRE(left_job.name == "left");
  f.complete(right_job);
  f.complete(left_job);
  REQUIRE(f.run_all() == "both");
  REQUIRE(f.plan.size() == 0);
}

TEST_CASE("plan: a request that keeps going ends with all failures, when all else is done") {
  PlanFixture f;
  for (const char* name : {"bad", "worse", "good"}) f.recipe(name, {});
  f.recipe("m", {"bad", "good"});
  f.recipe("t", {"m", "worse", "last"});
  f.recipe("last", {"good"});
  f.request(1, "t", 0, Priority::normal, true);
  f.request(2, "m");
  f.expand_all();
  while (const std::optional<PlanJob> job = f.try_take_ready()) {
    if (job->name == "bad" || job->name == "worse") {
      f.fail(job->node, job->name == "bad" ? Errc::function_failed : Errc::over_budget);
    } else {
      f.complete(*job);
    }
  }
  REQUIRE(f.ran.count("last") == 1);
  REQUIRE(f.ran.count("m") + f.ran.count("t") == 0);
  const std::string finished = f.finished();
  REQUIRE_THAT(finished, contains("2=!function_failed"));
  REQUIRE_THAT(finished, contains("1=!"));
  REQUIRE_THAT(finished, contains("!over_budget"));
  REQUIRE(f.plan.size() == 0);
}

}  // namespace
}  // namespace deriva::test
