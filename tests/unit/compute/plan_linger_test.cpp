#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "compute/plan.hpp"
#include "support/catch.hpp"
#include "unit/compute/plan_fixture.hpp"

namespace deriva::test {
namespace {

using detail::Plan;

constexpr std::size_t everything = ~std::size_t{0};

/// A target with two inputs that share one, `x`; what the second leads to is not explored yet.
struct Diamond : PlanFixture {
  Diamond() {
    recipe("x", {});
    recipe("l", {"x"});
    recipe("r", {"x"});
    recipe("t", {"l", "r"});
  }
  /// Of the two inputs, the one that is taken last; all the rest is explored.
  Plan::Expansion explore_but_one() {
    answer(*take_expansion());
    std::vector<Plan::Expansion> both;
    plan.take_expansions(2, both);
    REQUIRE(both.size() == 2);
    answer(both.front());
    expand_all();
    return both.back();
  }
};

TEST_CASE("plan: a value that a node explored later needs, too, is not computed again") {
  Diamond f;
  f.request(1, "t");
  const Plan::Expansion late = f.explore_but_one();
  REQUIRE(f.run_all().size() == 2);
  f.plan.sweep(everything);
  f.answer(late);
  f.expand_all();
  f.run_all();
  REQUIRE(f.finished() == "1=t(l(x())r(x()))");
  REQUIRE(f.ran == std::map<std::string, double>{{"x", 1}, {"l", 1}, {"r", 1}, {"t", 1}});
  f.plan.sweep(everything);
  REQUIRE(f.plan.size() == 0);
}

TEST_CASE("plan: what was kept for what is explored later is freed when all is explored") {
  Diamond f;
  f.request(1, "t");
  const Plan::Expansion late = f.explore_but_one();
  f.run_all();
  REQUIRE(f.plan.size() == 4);
  f.plan.set_stored(late.node);
  REQUIRE(f.plan.has_orphans());
  f.plan.sweep(everything);
  REQUIRE(f.plan.size() == 3);
  f.run_all();
  REQUIRE(f.finished() == "1=t(l(x())r)");
  REQUIRE(f.plan.size() == 0);
}

TEST_CASE("plan: what a request has done with goes although later ones always have something to explore") {
  PlanFixture f;
  std::optional<Plan::Expansion> late;
  for (detail::RequestId request = 1; request <= 100; ++request) {
    const std::string name = std::to_string(request);
    f.recipe("x" + name, {});
    f.recipe("l" + name, {"x" + name});
    f.leaf("r" + name);
    f.recipe("t" + name, {"l" + name, "r" + name});
    f.request(request, "t" + name);
    f.answer(*f.take_expansion());
    std::optional<Plan::Expansion> next;
    while (const std::optional<Plan::Expansion> one = f.take_expansion()) {
      if (f.names.at(one->id) == "r" + name) {
        next = one;
      } else {
        f.answer(*one);
      }
    }
    f.run_all();
    if (late) f.answer(*late);  // Only now is the request before this one explored.
    late = next;
    f.run_all();
    f.plan.sweep(everything);
    REQUIRE(f.plan.size() <= 12);
  }
  f.answer(*late);
  f.run_all();
  f.plan.sweep(everything);
  REQUIRE(f.plan.size() == 0);
}

TEST_CASE("plan: what failed is not tried again by a node that is explored later and keeps going") {
  Diamond f;
  f.request(1, "t", 0, Priority::normal, true);
  const Plan::Expansion late = f.explore_but_one();
  f.fail(f.take_ready().node);
  f.plan.sweep(everything);
  f.answer(late);
  f.expand_all();
  REQUIRE(f.run_all().empty());
  REQUIRE(f.finished() == "1=!function_failed");
  REQUIRE(f.ran == std::map<std::string, double>{{"x", 1}});
  f.plan.sweep(everything);
  REQUIRE(f.plan.size() == 0);
}

TEST_CASE("plan: what failed fails a request for it while something is still being explored") {
  Diamond f;
  f.request(1, "t", 0, Priority::normal, true);
  const Plan::Expansion late = f.explore_but_one();
  f.fail(f.take_ready().node);
  f.request(2, "x");
  REQUIRE(f.finished() == "2=!function_failed");
  f.answer(late);
  REQUIRE(f.finished() == "1=!function_failed");
  f.plan.sweep(everything);
  REQUIRE(f.plan.size() == 0);
  f.request(3, "x");
  f.expand_all();
  f.run_all();
  REQUIRE(f.finished() == "3=x()");
}

TEST_CASE("plan: what failed and was kept fails at once who does not keep going") {
  Diamond f;
  f.recipe("u", {"x"});
  f.request(1, "t", 0, Priority::normal, true);
  const Plan::Expansion late = f.explore_but_one();
  f.fail(f.take_ready().node);
  f.request(2, "u");
  f.expand_all();
  REQUIRE(f.finished() == "2=!function_failed");
  f.answer(late);
  REQUIRE(f.finished() == "1=!function_failed");
  f.plan.sweep(everything);
  REQUIRE(f.plan.size() == 0);
}

/// Requests that begin together, on a random graph, in whatever order they are explored and run.
TEST_CASE("plan: what was given up, or failed when nobody wanted it, fails what is explored later and keeps going") {
  PlanFixture f;
  f.recipe("x", {});
  f.recipe("t", {"x"});
  f.request(1, "x", 0, Priority::normal, true);
  f.expand_all();
  const PlanJob job = f.take_ready();
  f.request(2, "t", 0, Priority::normal, true);
  const auto late = f.take_expansion();
  f.drop(1);
  REQUIRE_FALSE(f.plan.wanted(job.node));
  f.fail(job.node, GENERATE(Errc::cancelled, Errc::function_failed));
  f.answer(*late);
  f.expand_all();
  f.run_all();
  REQUIRE(f.finished() == "2=t(x())");
  f.plan.sweep(everything);
  REQUIRE(f.plan.size() == 0);
}

TEST_CASE("plan: requests that are explored together compute nothing twice, whether it fails or not") {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    PlanFixture f;
    f.tells_at_once = false;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < 2 + random() % 40; ++i) {
      names.push_back("n" + std::to_string(i));
      PlanFixture::Inputs inputs;
      for (std::size_t count = i == 0 ? 0 : random() % 5; count > 0; --count) inputs.push_back(names[random() % i]);
      f.recipe(names.back(), inputs);
    }
    for (detail::RequestId request = 1; request <= 3; ++request) {
      f.request(request, names[random() % names.size()], 0, Priority::normal, true);
    }
    std::vector<Plan::Expansion> expanding;
    const auto any = [&](auto& from) {
      std::swap(from[random() % from.size()], from.back());
      auto taken = std::move(from.back());
      from.pop_back();
      return taken;
    };
    std::vector<PlanJob> running;
    while (f.plan.has_expansions() || f.plan.has_ready() || f.plan.has_rubbish() || !expanding.empty() ||
           !running.empty()) {
      const std::size_t choice = random() % 6;
      if (choice == 0) f.plan.take_expansions(1 + random() % 3, expanding);
      if (choice == 1 && !expanding.empty()) f.answer(any(expanding));
      if (choice == 2 || choice == 3) {
        if (std::optional<PlanJob> job = f.try_take_ready()) running.push_back(*std::move(job));
      }
      if (choice == 4 && !running.empty()) {
        const PlanJob job = any(running);
        random() % 10 == 0 ? f.fail(job.node) : f.complete(job);
      }
      if (choice != 5) continue;
      f.plan.sweep(1 + random() % 3);
      f.plan.fail_further(1 + random() % 3);
    }
    for (const auto& [name, times] : f.ran) {
      INFO(name);
      REQUIRE(times == 1);
    }
    REQUIRE(f.take_finished().size() == 3);
    REQUIRE(f.plan.size() == 0);
  }
}

}  // namespace
}  // namespace deriva::test
