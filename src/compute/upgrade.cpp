#include <deriva/compute/upgrade.hpp>

#include <span>
#include <utility>

#include "compute/boundary.hpp"
#include "compute/comparison.hpp"
#include "compute/reexecution.hpp"
#include "compute/sample.hpp"
#include "core/random.hpp"
#include "store/recipes_of.hpp"

namespace deriva::detail {
namespace {

constexpr std::size_t alias_batch = 1'000;

/// The recipes of this function that have a result.
Result<std::vector<Address>> results_of(const Store& store, const FunctionId& function) {
  std::vector<Address> found;
  auto is_one = [&](const FunctionId& one) { return one == function; };
  auto visit = [&](const Address& address) -> Result<void> {
    const Result<std::optional<ResultRecord>> result = store.result(address);
    if (!result) return result.error();
    if (*result) found.push_back(address);
    return {};
  };
  if (auto walked = for_each_recipe_of(store, is_one, visit); !walked) return walked.error();
  return found;
}

/// Computes the sample; adds what differs to the report.
Result<void> check(Store& store, const Function& function, const FunctionId& to, std::span<const Address> sample,
                   const UpgradeOptions& options, UpgradeReport& report) {
  for (const Address& address : sample) {
    StoredComputation computation;
    const Result<Obstacle> obstacle = read_computation(store, address, computation);
    if (!obstacle) return obstacle.error();
    if (*obstacle != Obstacle::none) continue;
    computation.recipe.function = to;
    computation.address = computation.recipe.address();
    Result<Blob> value = Blob();
    const Result<Obstacle> executed = execute(store, function, computation, value);
    if (!executed) return executed.error();
    if (*executed != Obstacle::none) continue;
    ++report.checked;
    const Result<Comparison> comparison = compare_with_stored(store, address, computation.result, value, 0);
    if (!comparison) return comparison.error();
    if (comparison->agrees()) continue;
    ++report.different;
    if (report.differences.size() >= options.listed_differences) continue;
    report.differences.push_back(
        {address, computation.address, value ? violation(*comparison, to) : attribute(value.error(), address, to)});
  }
  return {};
}

/// Puts the recipes of the new version with the values of the old one.
Result<void> alias(Store& store, const FunctionId& to, std::span<const Address> addresses, UpgradeReport& report) {
  std::vector<Recipe> recipes;
  std::vector<ComputedResult> results;
  const auto put = [&]() -> Result<void> {
    const auto known = store.put_recipes(recipes);
    if (!known) return known.error();
    if (auto stored = store.put_results(results); !stored) return stored;
    report.aliased += results.size();
    recipes.clear();
    results.clear();
    return {};
  };
  for (const Address& address : addresses) {
    Result<std::optional<Recipe>> recipe = store.recipe(address);
    if (!recipe) return recipe.error();
    const Result<std::optional<ResultRecord>> result = store.result(address);
    if (!result) return result.error();
    Result<std::optional<Blob>> value = store.value(address);
    if (!value) return value.error();
    if (!*recipe || !*result || !*value) continue;  // Removed or evicted in the meantime.
    const Result<std::optional<LedgerEntry>> known = store.ledger().verdict(address);
    if (!known) return known.error();
    if (*known && (*known)->verdict == Verdict::diverged) continue;  // Nobody knows which value is right.
    Result<std::vector<Address>> discovered = store.discovered_inputs(address);
    if (!discovered) return discovered.error();
    (*recipe)->function = to;
    results.push_back({(*recipe)->address(),
                       std::move(**value),
                       (*result)->compute_time,
                       (*result)->computed_at,
                       {.discovered = *std::move(discovered)}});
    recipes.push_back(std::move(**recipe));
    if (recipes.size() < alias_batch) continue;
    if (auto done = put(); !done) return done;
  }
  return put();
}

}  // namespace

Result<UpgradeReport> verify_upgrade(Store& store, const Resolver& resolver, const Upgrade& upgrade,
                                     const UpgradeOptions& options) {
  const FunctionId from{upgrade.function, upgrade.from};
  const FunctionId to{upgrade.function, upgrade.to};
  if (from == to) return Error(Errc::invalid_argument, "an upgrade is to another version").with_function(to);
  const Function function = resolver(to);
  if (!function) return Error(Errc::function_not_found, "the registry has no such function").with_function(to);

  const Result<std::vector<Address>> all = results_of(store, from);
  if (!all) return all.error();
  const std::uint64_t seed = options.seed ? *options.seed : random_seed();
  Sample sample(1.0, options.sample, seed);
  for (const Address& address : *all) sample.offer(address);

  UpgradeReport report;
  report.results = all->size();
  if (auto checked = check(store, function, to, std::move(sample).take(), options, report); !checked) {
    return checked.error();
  }
  if (options.alias && report.checked > 0 && report.different == 0) {
    if (auto aliased = alias(store, to, *all, report); !aliased) return aliased.error();
  }
  return report;
}

}  // namespace deriva::detail
