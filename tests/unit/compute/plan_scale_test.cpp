#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "compute/function_table.hpp"
#include "compute/plan.hpp"
#include "support/catch.hpp"

namespace deriva::test {
namespace {

using detail::NodeId;
using detail::Plan;

constexpr std::uint32_t many = 1'000'000;

Address address_of(std::uint32_t number) {
  std::array<std::byte, 32> bytes{};
  std::memcpy(bytes.data(), &number, sizeof(number));
  return Address(bytes);
}
std::uint32_t number_of(const Address& address) {
  std::uint32_t number = 0;
  std::memcpy(&number, address.bytes().data(), sizeof(number));
  return number;
}

const detail::ResolvedFunction function{{"f", "1"}, {}};

/// Expands everything: `inputs_of(number)` gives the inputs of a recipe.
template <class InputsOf>
void expand(Plan& plan, InputsOf inputs_of) {
  std::vector<Plan::Expansion> batch;
  while (plan.has_expansions()) {
    batch.clear();
    plan.take_expansions(256, batch);
    for (const Plan::Expansion& one : batch) {
      const std::vector<Address> inputs = inputs_of(number_of(one.address));
      plan.set_recipe(one.node, function, inputs, {}, RunReason::never_computed);
    }
  }
}

/// A request for recipe 999,999, which depends on 999,998, and so on down to 0.
void expand_chain(Plan& plan) {
  plan.add_request(1, address_of(many - 1), 0);
  expand(plan, [](std::uint32_t number) {
    return number == 0 ? std::vector<Address>() : std::vector<Address>{address_of(number - 1)};
  });
  REQUIRE(plan.size() == many);
  REQUIRE(plan.ready_count() == 1);
}

/// Requests 1 to 1,000,000 for recipes of those numbers, all of which depend on 0.
NodeId expand_fan(Plan& plan) {
  for (std::uint32_t i = 1; i <= many; ++i) plan.add_request(i, address_of(i), 0);
  expand(plan, [](std::uint32_t number) {
    return number == 0 ? std::vector<Address>() : std::vector<Address>{address_of(0)};
  });
  REQUIRE(plan.size() == many + 1);
  const std::optional<Plan::Job> hub = plan.take_ready();
  REQUIRE(hub);
  REQUIRE_FALSE(plan.take_ready());
  return hub->node;
}

std::uint32_t run_all(Plan& plan) {
  std::uint32_t ran = 0;
  while (const std::optional<Plan::Job> job = plan.take_ready()) {
    plan.complete(job->node, Blob());
    ++ran;
  }
  return ran;
}

TEST_CASE("plan: a chain of a million completes, and its memory goes") {
  Plan plan(1);
  expand_chain(plan);
  REQUIRE(run_all(plan) == many);
  REQUIRE(plan.take_finished().size() == 1);
  REQUIRE(plan.size() == 0);
}

TEST_CASE("plan: a chain of a million is dropped or fails without recursion") {
  Plan plan(1);
  expand_chain(plan);
  const std::optional<Plan::Job> job = plan.take_ready();
  SECTION("dropped") {
    plan.drop_request(1);
    REQUIRE(plan.size() == 1);  // What runs.
    plan.complete(job->node, Blob());
    REQUIRE(plan.take_finished().empty());
  }
  SECTION("failed") {
    plan.fail(job->node, Error(Errc::function_failed));
    REQUIRE(plan.take_finished().size() == 1);
  }
  REQUIRE(plan.size() == 0);
  plan.add_request(2, address_of(7), 0);  // And it can be used again.
  expand(plan, [](std::uint32_t) { return std::vector<Address>(); });
  REQUIRE(run_all(plan) == 1);
}

TEST_CASE("plan: the rate of verification is raised over a chain of a million without recursion") {
  Plan plan(1);
  expand_chain(plan);
  plan.add_request(2, address_of(many - 1), 1);
  const std::optional<Plan::Job> job = plan.take_ready();
  REQUIRE(number_of(job->address) == 0);
  REQUIRE(job->verify_rate == 1);
}

TEST_CASE("plan: a fan of a million completes, fails or is dropped") {
  Plan plan(1);
  const NodeId hub = expand_fan(plan);
  SECTION("completes") {
    plan.complete(hub, Blob());
    REQUIRE(plan.ready_count() == many);
    REQUIRE(run_all(plan) == many);
    REQUIRE(plan.take_finished().size() == many);
  }
  SECTION("fails") {
    plan.fail(hub, Error(Errc::function_failed));
    REQUIRE(plan.take_finished().size() == many);
  }
  SECTION("is dropped, request by request") {
    for (std::uint32_t i = 1; i <= many; ++i) REQUIRE(plan.drop_request(i));
    REQUIRE(plan.size() == 1);
    plan.complete(hub, Blob());
  }
  REQUIRE(plan.size() == 0);
}

}  // namespace
}  // namespace deriva::test
