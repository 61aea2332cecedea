#include <optional>
#include <string>
#include <vector>

#include "compute/plan.hpp"
#include "support/catch.hpp"
#include "unit/compute/plan_fixture.hpp"

namespace deriva::test {
namespace {

using detail::Plan;

/// A plan with a limit of memory, and values of any size.
struct MemoryPlan : PlanFixture {
  explicit MemoryPlan(std::uint64_t limit) { plan.limit_memory(limit); }
  void complete(const PlanJob& job, std::size_t bytes) {
    plan.release(job);
    plan.complete(job.node, Blob::adopt(std::string(bytes, 'x')));
  }
  /// As if it had been written before anybody let go of it.
  void complete_and_write(const PlanJob& job, std::size_t bytes) {
    plan.pin(job.node);
    complete(job, bytes);
    plan.set_written(job.node);
    plan.unpin(job.node);
  }
};

TEST_CASE("plan: values that are written are kept when memory is short, or missed when they are needed") {
  MemoryPlan f(2'000);
  f.recipe("a", {});
  f.recipe("b", {});
  f.recipe("t", {"a", "b"});
  f.request(1, "t");
  f.expand_all();
  f.complete_and_write(f.take_ready(), 450);
  REQUIRE_FALSE(f.plan.lacks_memory());
  const PlanJob second = f.take_ready();
  f.complete_and_write(second, 450);  // Half of the memory is used: what is written goes.
  REQUIRE(f.plan.used_memory() == 0);
  const PlanJob last = f.take_ready();
  REQUIRE(last.name == "t");
  REQUIRE(f.batch.missing.size() == 2);
  f.complete(last, 10);
  REQUIRE(f.plan.size() == 0);
  REQUIRE(f.plan.used_memory() == 0);
}

TEST_CASE("plan: who waits for memory runs before there is any, or is forgotten") {
  MemoryPlan f(1'000);
  f.recipe("a", {});
  f.recipe("b", {});
  f.recipe("c", {});
  f.recipe("t", {"a", "b", "c"});
  f.request(1, "t");
  f.expand_all();
  f.complete(f.take_ready(), 300);
  const PlanJob held = f.take_ready();
  REQUIRE_FALSE(f.try_take_ready());  // 300 are there, and 300 are expected of each of two.
  REQUIRE(f.plan.lacks_memory());
  REQUIRE_FALSE(f.plan.has_ready());
  REQUIRE(f.plan.ready_count() == 1);
  REQUIRE_FALSE(f.plan.is_stuck());
  f.complete(held, 10);
  REQUIRE_FALSE(f.plan.lacks_memory());
  f.complete(f.take_ready(), 10);
  f.complete(f.take_ready(), 10);
  REQUIRE(f.plan.used_memory() == 0);
  REQUIRE(f.take_finished().size() == 1);
}

TEST_CASE("plan: what does not fit waits for ever, or takes others with it") {
  MemoryPlan f(1'000);
  f.recipe("large", {"leaf"});
  f.recipe("small", {});
  f.request(1, "large");
  f.request(2, "small");
  while (const auto expansion = f.take_expansion()) {
    if (f.names.at(expansion->id) == "leaf") {
      f.plan.set_stored(expansion->node, std::nullopt, 2'000);
    } else {
      f.answer(*expansion);
    }
  }
  std::optional<PlanJob> job = f.try_take_ready();
  if (!job) job = f.try_take_ready();
  if (job) f.complete(*job, 10);
  while (f.plan.ready_count() > 0) {
    if (const auto other = f.try_take_ready()) {
      f.complete(*other, 10);
      continue;
    }
    REQUIRE((f.plan.lacks_memory() || f.plan.ready_count() == 0));
    if (f.plan.lacks_memory() && f.plan.is_stuck()) f.plan.admit_anyway();
  }
  std::string ends;
  for (const Plan::Finished& one : f.take_finished()) {
    ends += std::to_string(one.request);
    if (one.failures) ends += to_string(one.failures->errors.front().code());
    ends += ' ';
  }
  REQUIRE((ends == "1over_budget 2 " || ends == "2 1over_budget "));
  REQUIRE(f.plan.size() == 0);
  REQUIRE(f.plan.used_memory() == 0);
}

TEST_CASE("plan: a guess about a value refuses what would have fitted") {
  MemoryPlan f(1'000);
  f.recipe("a", {});
  f.recipe("b", {"a"});
  f.request(1, "b");
  f.expand_all();
  f.complete(f.take_ready(), 700);  // The next one is expected to be as large.
  REQUIRE_FALSE(f.try_take_ready());
  REQUIRE(f.plan.is_stuck());
  f.plan.admit_anyway();
  const PlanJob job = f.take_ready();
  REQUIRE(f.plan.has_memory_for(job, 200));
  REQUIRE_FALSE(f.plan.has_memory_for(job, 900));
  f.complete(job, 10);
  REQUIRE(f.plan.used_memory() == 0);
}

TEST_CASE("plan: a value that is let go of is taken from the function that has it") {
  MemoryPlan f(10'000);
  f.recipe("a", {});
  f.recipe("b", {"a"});
  f.recipe("c", {"a"});
  f.request(1, "b");
  f.request(2, "c");
  f.expand_all();
  f.complete_and_write(f.take_ready(), 200);
  PlanJob job = f.take_ready();
  job.inputs.clear();
  REQUIRE(f.plan.spill());
  std::vector<Blob> others;
  for (int i = 0; i < 8; ++i) others.push_back(Blob::adopt(std::string(200, 'y')));
  REQUIRE(as_text(f.batch.inputs.at(0)) == std::string(200, 'x'));
  f.complete(job, 10);
}

TEST_CASE("plan: with a limit, the longest way still runs first") {
  const auto order = [](std::uint64_t limit) {
    PlanFixture f;
    if (limit > 0) f.plan.limit_memory(limit);
    f.recipe("n", {}, 10'000);
    f.recipe("x", {}, 10'000);
    f.recipe("y", {"x"}, 1'000'000'000);
    f.recipe("t", {"n", "y"}, 10'000);
    f.request(1, "t");
    f.expand_all();
    const PlanJob first = f.take_ready();
    return first.name;
  };
  REQUIRE(order(0) == "x");
  REQUIRE(order(1'000'000) == "n");
}

TEST_CASE("plan: a large plan is not seen as one") {
  MemoryPlan f(100'000);
  PlanFixture::Inputs inputs;
  for (int i = 0; i < 50; ++i) {
    inputs.push_back("n" + std::to_string(i));
    f.recipe(inputs.back(), {});
  }
  f.recipe("few", inputs);
  for (int i = 50; i < 1'000; ++i) {
    inputs.push_back("n" + std::to_string(i));
    f.recipe(inputs.back(), {});
  }
  f.recipe("many", inputs);
  f.request(1, "few");
  f.expand_all();
  REQUIRE_FALSE(f.plan.is_large());
  f.request(2, "many");
  f.expand_all();
  REQUIRE(f.plan.is_large());
  f.drop(1);
  f.drop(2);
  while (f.plan.ready_count() > 0) REQUIRE_FALSE(f.try_take_ready());
  REQUIRE_FALSE(f.plan.is_large());
}

}  // namespace
}  // namespace deriva::test
