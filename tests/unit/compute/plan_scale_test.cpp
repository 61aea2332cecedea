#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "compute/function_table.hpp"
#include "compute/plan_expand.hpp"
#include "support/catch.hpp"

namespace deriva::test {
namespace {

using detail::NodeId;
using detail::Plan;

constexpr std::uint32_t many = 1'000'000;

const detail::ResolvedFunction function{{"f", "1"}, {}};

/// A plan of recipes by number: the store's id.
struct LargePlan : Plan {
  LargePlan() { set_function(0, function); }
  void request(detail::RequestId id, std::uint32_t number, double verify_rate = 0) {
    add_request({id, number, verify_rate});
  }
  std::optional<Job> take_one() {
    batch.clear();
    take_ready(1, 1, batch);
    return batch.jobs.empty() ? std::nullopt : std::optional(batch.jobs.front());
  }
  std::size_t count_finished() {
    std::vector<Finished> finished;
    fail_further(~std::size_t{0});
    take_finished(finished);
    return finished.size();
  }
  void sweep_all() { sweep(~std::size_t{0}); }
  Batch batch;
};

/// Expands everything: `inputs_of(number)` gives the inputs of a recipe.
template <class InputsOf>
void expand(LargePlan& plan, InputsOf inputs_of) {
  std::vector<Plan::Expansion> batch;
  while (plan.has_expansions()) {
    batch.clear();
    plan.take_expansions(256, batch);
    for (const Plan::Expansion& one : batch) {
      const std::vector<std::uint32_t> inputs = inputs_of(one.id);
      plan.set_recipe(one, {0, inputs});
    }
  }
}

/// A request for recipe 999,999, which depends on 999,998, and so on down to 0.
void expand_chain(LargePlan& plan) {
  plan.request(1, many - 1);
  expand(plan, [](std::uint32_t number) {
    return number == 0 ? std::vector<std::uint32_t>() : std::vector<std::uint32_t>{number - 1};
  });
  REQUIRE(plan.size() == many);
  REQUIRE(plan.ready_count() == 1);
}

/// Requests 1 to 1,000,000 for recipes of those numbers, all of which depend on 0.
NodeId expand_fan(LargePlan& plan) {
  for (std::uint32_t i = 1; i <= many; ++i) plan.request(i, i);
  expand(plan, [](std::uint32_t number) {
    return number == 0 ? std::vector<std::uint32_t>() : std::vector<std::uint32_t>{0};
  });
  REQUIRE(plan.size() == many + 1);
  const std::optional<Plan::Job> hub = plan.take_one();
  REQUIRE(hub);
  REQUIRE_FALSE(plan.take_one());
  return hub->node;
}

std::uint32_t run_all(LargePlan& plan) {
  std::uint32_t ran = 0;
  while (const std::optional<Plan::Job> job = plan.take_one()) {
    plan.complete(job->node, Blob());
    ++ran;
  }
  return ran;
}

TEST_CASE("plan: a chain of a million completes, and its memory goes") {
  LargePlan plan;
  expand_chain(plan);
  REQUIRE(run_all(plan) == many);
  REQUIRE(plan.count_finished() == 1);
  REQUIRE(plan.size() == 0);
}

TEST_CASE("plan: a chain of a million is dropped or fails without recursion") {
  LargePlan plan;
  expand_chain(plan);
  const std::optional<Plan::Job> job = plan.take_one();
  SECTION("dropped") {
    plan.drop_request(1);
    plan.sweep_all();
    REQUIRE(plan.size() == 1);  // What runs.
    plan.complete(job->node, Blob());
    REQUIRE(plan.count_finished() == 0);
  }
  SECTION("failed") {
    plan.fail(job->node, Error(Errc::function_failed));
    REQUIRE(plan.count_finished() == 1);
  }
  REQUIRE(plan.size() == 0);
  plan.request(2, 7);  // And it can be used again.
  expand(plan, [](std::uint32_t) { return std::vector<std::uint32_t>(); });
  REQUIRE(run_all(plan) == 1);
}

TEST_CASE("plan: a job that was answered meanwhile is looked for in memory that was given back") {
  LargePlan plan;
  expand_chain(plan);
  const std::vector<Plan::Job> jobs{plan.take_one().value()};
  plan.prefetch_dependents(jobs);
  REQUIRE(plan.drop_request(1));
  plan.sweep_all();
  plan.complete(jobs[0].node, Blob());
  REQUIRE(plan.size() == 0);
  plan.prefetch_dependents(jobs);
}

TEST_CASE("plan: the rate of verification is raised over a chain of a million without recursion") {
  LargePlan plan;
  expand_chain(plan);
  plan.request(2, many - 1, 1);
  const std::optional<Plan::Job> job = plan.take_one();
  REQUIRE(plan.store_id(job->node) == 0);
  REQUIRE(job->verify_rate == 1);
}

TEST_CASE("plan: a fan of a million completes, fails or is dropped") {
  LargePlan plan;
  const NodeId hub = expand_fan(plan);
  SECTION("completes") {
    plan.complete(hub, Blob());
    REQUIRE(plan.ready_count() == many);
    REQUIRE(run_all(plan) == many);
    REQUIRE(plan.count_finished() == many);
  }
  SECTION("fails") {
    plan.fail(hub, Error(Errc::function_failed));
    REQUIRE(plan.count_finished() == many);
  }
  SECTION("is dropped, request by request") {
    for (std::uint32_t i = 1; i <= many; ++i) REQUIRE(plan.drop_request(i));
    plan.sweep_all();
    REQUIRE(plan.size() == 1);
    plan.complete(hub, Blob());
  }
  REQUIRE(plan.size() == 0);
}

}  // namespace
}  // namespace deriva::test
