// What a batch takes along: jobs that need what others of the batch come to.
#include <string>
#include <vector>

#include "compute/plan.hpp"
#include "support/catch.hpp"
#include "unit/compute/plan_fixture.hpp"

namespace deriva::test {
namespace {

using detail::Plan;

struct AlongFixture : PlanFixture {
  AlongFixture() {
    plan.set_function(0, function, {}, true);
    plan.observe(0, 100);
  }

  std::vector<PlanJob> take(std::size_t most = 100, float nanoseconds = 10'000) {
    return take_batch(most, nanoseconds, 400);
  }
  static std::string names_of(const std::vector<PlanJob>& jobs) {
    std::string names;
    for (const PlanJob& job : jobs) names += job.name;
    return names;
  }
  void complete_all(const std::vector<PlanJob>& jobs) {
    for (const PlanJob& job : jobs) complete(job);
  }
  void chain() {
    recipe("a", {});
    recipe("b", {"a"});
    recipe("c", {"b"});
    recipe("d", {"c"});
    request(1, "d");
    expand_all();
  }
};

TEST_CASE("plan: a chain of short functions is one batch, each behind what it needs") {
  AlongFixture f;
  f.chain();
  const std::vector<PlanJob> jobs = f.take();
  REQUIRE(AlongFixture::names_of(jobs) == "abcd");
  f.complete_all(jobs);
  REQUIRE(f.finished() == "1=d(c(b(a())))");
  REQUIRE(f.plan.size() == 0);
}

TEST_CASE("plan: what needs the same value twice is taken along once") {
  AlongFixture f;
  f.recipe("a", {});
  f.recipe("b", {"a", "a"});
  f.request(1, "b");
  f.expand_all();
  const std::vector<PlanJob> jobs = f.take();
  REQUIRE(AlongFixture::names_of(jobs) == "ab");
  f.complete_all(jobs);
  REQUIRE(f.finished() == "1=b(a()a())");
  REQUIRE(f.plan.size() == 0);
}

TEST_CASE("plan: what also needs something outside of the batch is not taken along, and runs after both") {
  AlongFixture f;
  f.recipe("a", {});
  f.recipe("x", {});
  f.recipe("b", {"a", "x"});
  f.request(1, "b");
  f.expand_all();
  const std::vector<PlanJob> first = f.take(1);
  const std::vector<PlanJob> second = f.take(1);
  REQUIRE(AlongFixture::names_of(first) + AlongFixture::names_of(second) == "ax");
  f.complete_all(second);
  REQUIRE(f.take().empty());
  f.complete_all(first);
  REQUIRE(AlongFixture::names_of(f.take()) == "b");
}

TEST_CASE("plan: a batch that has another one's input already counts from the start") {
  AlongFixture f;
  f.recipe("a", {});
  f.recipe("x", {});
  f.recipe("b", {"a", "x"});
  f.recipe("c", {"b"});
  f.request(1, "c");
  f.expand_all();
  const std::vector<PlanJob> first = f.take(1);  // It looks at b.
  REQUIRE(first.size() == 1);
  f.complete_all(first);
  REQUIRE(AlongFixture::names_of(f.take()).size() == 3);
}

TEST_CASE("plan: a chain of short functions gets one node of each batch of a large request") {
  AlongFixture f;
  PlanFixture::Inputs many;
  for (int i = 0; i < 400; ++i) many.push_back("m" + std::to_string(i));
  for (const std::string& one : many) f.recipe(one, {});
  f.recipe("sum", many);
  f.request(2, "sum");
  f.chain();
  const std::vector<PlanJob> jobs = f.take();
  REQUIRE(jobs.size() == 100);
  f.complete_all(jobs);
  REQUIRE(f.finished() == "1=d(c(b(a())))");
}

TEST_CASE("plan: a request with one ready node at a time waits for a batch of another one's for each of them") {
  AlongFixture f;
  f.plan.observe(0, 1'000'000);  // Now they take more than what is taken along while nobody else waits.
  f.chain();
  const std::vector<PlanJob> alone = f.take(100, 10'000'000);
  REQUIRE(AlongFixture::names_of(alone) == "a");
  f.complete_all(alone);
  for (const char* const name : {"p", "q", "r"}) f.recipe(name, {});
  f.recipe("z", {"p", "q", "r"});
  f.request(2, "z");
  f.expand_all();
  REQUIRE(AlongFixture::names_of(f.take(100, 10'000'000)).find("bcd") != std::string::npos);
}

TEST_CASE("plan: no more is taken along than the batch has room and time for") {
  AlongFixture f;
  f.chain();
  REQUIRE(AlongFixture::names_of(f.take(3)) == "abc");
  AlongFixture g;
  g.chain();
  REQUIRE(AlongFixture::names_of(g.take(100, 150)) == "ab");
}

TEST_CASE("plan: nothing is taken along whose function is long, unknown, limited, not plain, or verified") {
  AlongFixture f;
  SECTION("long") {
    for (int i = 0; i < 100; ++i) f.plan.observe(0, 1'000);
  }
  SECTION("not plain") {
    f.plan.set_function(0, f.function, {}, false);
    f.plan.observe(0, 100);
  }
  SECTION("limited") {
    f.plan.set_function(0, f.function, {f.plan.add_limit(8), Plan::unlimited}, true);
    f.plan.observe(0, 100);
  }
  SECTION("unknown") { f.plan.set_function(0, f.function, {}, true); }
  SECTION("verified") {
    f.recipe("a", {});
    f.recipe("b", {"a"});
    f.request(7, "b", 1);
  }
  f.chain();
  REQUIRE(AlongFixture::names_of(f.take()) == "a");
}

TEST_CASE("plan: when a job fails, those taken along go back and fail with it") {
  AlongFixture f;
  f.chain();
  f.request(2, "a");
  f.request(3, "b");
  const std::vector<PlanJob> jobs = f.take();
  REQUIRE(jobs.size() == 4);
  f.complete(jobs[0]);
  f.plan.put_back(jobs[2].node);
  f.plan.put_back(jobs[3].node);
  f.fail(jobs[1].node);
  REQUIRE(f.finished() == "2=a() 3=!function_failed 1=!function_failed");
  REQUIRE(f.plan.size() == 0);
}

TEST_CASE("plan: what went back runs when what it needs is there after all") {
  AlongFixture f;
  f.chain();
  const std::vector<PlanJob> jobs = f.take();
  for (std::size_t i = 1; i < 4; ++i) f.plan.put_back(jobs[i].node);
  f.complete(jobs[0]);  // It was retried.
  const std::vector<PlanJob> rest = f.take();
  REQUIRE(AlongFixture::names_of(rest) == "bcd");
  f.complete_all(rest);
  REQUIRE(f.finished() == "1=d(c(b(a())))");
  REQUIRE(f.plan.size() == 0);
}

TEST_CASE("plan: what went back is taken along again although one of its inputs is missing") {
  AlongFixture f;
  f.recipe("a", {});
  f.recipe("x", {});
  f.recipe("b", {"a"});
  f.recipe("y", {"x"});
  f.recipe("d", {"b", "y"});
  f.request(1, "d");
  f.expand_all();
  const std::vector<PlanJob> jobs = f.take();
  REQUIRE(AlongFixture::names_of(jobs) == "axbyd");
  for (std::size_t i = 2; i < 5; ++i) f.plan.put_back(jobs[i].node);
  f.complete(jobs[0]);  // The other one is retried later.
  REQUIRE(AlongFixture::names_of(f.take()) == "b");
}

TEST_CASE("plan: what went back has lost a value that only it wanted") {
  AlongFixture f;
  f.recipe("x", {});
  f.recipe("a", {});
  f.recipe("d", {"x", "a"});
  f.request(1, "d");
  f.expand_all();
  f.complete_all(f.take(1));
  const std::vector<PlanJob> jobs = f.take();
  REQUIRE(AlongFixture::names_of(jobs) == "ad");
  f.plan.put_back(jobs[1].node);
  f.complete(jobs[0]);  // It was retried.
  f.complete_all(f.take());
  REQUIRE(f.finished() == "1=d(x()a())");
}

TEST_CASE("plan: what was given up while it was taken along is freed, whether it ran, went back or never began") {
  AlongFixture f;
  f.chain();
  const std::vector<PlanJob> jobs = f.take();
  REQUIRE(f.drop(1));
  const std::string what = GENERATE("ran", "went back", "never began");
  if (what == "ran") {
    f.complete_all(jobs);
  } else if (what == "went back") {
    for (std::size_t i = 1; i < 4; ++i) f.plan.put_back(jobs[i].node);
    f.fail(jobs[0].node);
  } else {  // Nobody wants the last one, which has none of its inputs yet; it wants the others.
    REQUIRE_FALSE(f.plan.wanted(jobs[3].node));
    f.fail(jobs[3].node);
    for (std::size_t i = 0; i < 3; ++i) f.complete(jobs[i]);
  }
  f.plan.sweep(100);
  REQUIRE(f.plan.size() == 0);
}

}  // namespace
}  // namespace deriva::test
