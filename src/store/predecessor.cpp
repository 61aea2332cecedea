#include "store/predecessor.hpp"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <tuple>
#include <unordered_set>

#include "storage/failure.hpp"

namespace deriva::detail {
namespace {

using Id = StoreReader::Id;

/// A recipe as it is compared.
struct Known {
  std::uint32_t function;
  std::vector<std::byte> params;
  std::vector<Id> inputs;
};

/// Nothing: it is no recipe.
std::optional<Known> know(StoreReader& reader, Id id) {
  const StoreReader::Answer answer = reader.look_up(id);
  if (!answer.has_recipe) return std::nullopt;
  return Known{
      answer.function, {answer.params.begin(), answer.params.end()}, {answer.inputs.begin(), answer.inputs.end()}};
}

class Search {
 public:
  Search(StoreReader& reader, const PredecessorLimits& limits) : reader_(reader), limits_(limits) {}

  /// From the recipe down to where an unchanged neighbour is found, and up again.
  std::optional<Id> run(Id target) {
    struct Step {
      Id id;
      Known recipe;
    };
    std::vector<Step> chain;
    std::optional<Id> found;
    for (Id next = target;; next = chain.back().recipe.inputs.front()) {
      std::optional<Known> recipe = know(reader_, next);
      if (!recipe) return std::nullopt;
      found = among_dependents(next, *recipe, recipe->inputs);
      if (found) break;
      if (recipe->inputs.empty() || chain.size() == limits_.depth) return std::nullopt;
      chain.push_back({next, *std::move(recipe)});
    }
    for (; found && !chain.empty(); chain.pop_back()) {
      found = among_dependents(chain.back().id, chain.back().recipe, std::vector<Id>{*found});
    }
    return found;
  }

 private:
  /// How much alike: inputs in the same place, the same params, the same version, and then the latest result.
  using Score = std::tuple<std::size_t, bool, bool, std::int64_t>;

  std::optional<Id> among_dependents(Id target, const Known& recipe, const std::vector<Id>& inputs) {
    const std::optional<std::int64_t> computed = computed_at(target);
    std::optional<std::pair<Score, Id>> best;
    std::unordered_set<Id> seen = {target};
    std::vector<Id> candidates;
    for (std::size_t i = 0; i < std::min(inputs.size(), limits_.inputs); ++i) {
      std::size_t count = 0;
      reader_.for_each_dependent(inputs[i], [&](Id dependent) {
        if (seen.insert(dependent).second) candidates.push_back(dependent);
        return ++count < limits_.dependents;
      });
    }
    for (const Id candidate : candidates) {
      const std::optional<Score> score = compare(recipe, computed, candidate);
      if (score && (!best || *score > best->first)) best.emplace(*score, candidate);
    }
    return best ? std::optional(best->second) : std::nullopt;
  }

  std::optional<Score> compare(const Known& recipe, std::optional<std::int64_t> computed, Id candidate) {
    const std::optional<std::int64_t> earlier = computed_at(candidate);
    if (!earlier || (computed && *earlier >= *computed)) return std::nullopt;
    const std::optional<Known> other = know(reader_, candidate);
    if (!other || name(other->function) != name(recipe.function)) return std::nullopt;
    std::size_t same = 0;
    const std::size_t both = std::min(recipe.inputs.size(), other->inputs.size());
    for (std::size_t i = 0; i < both; ++i) same += recipe.inputs[i] == other->inputs[i] ? 1U : 0U;
    return Score{same, recipe.params == other->params, recipe.function == other->function, *earlier};
  }

  std::optional<std::int64_t> computed_at(Id id) {
    const std::optional<StoredResult> result = or_throw(reader_.result(id));
    if (!result) return std::nullopt;
    return result->record().computed_at.time_since_epoch().count();
  }

  std::string_view name(std::uint32_t function) { return or_throw(reader_.function(function))->name; }

  StoreReader& reader_;
  const PredecessorLimits& limits_;
};

}  // namespace

Result<std::optional<StoreReader::Id>> find_predecessor(StoreReader& reader, StoreReader::Id target,
                                                        const PredecessorLimits& limits) {
  return guarded<std::optional<Id>>([&]() -> Result<std::optional<Id>> { return Search(reader, limits).run(target); });
}

Result<Difference> difference(StoreReader& reader, StoreReader::Id before, StoreReader::Id after) {
  return guarded<Difference>([&]() -> Result<Difference> {
    const std::optional<Known> was = know(reader, before);
    const std::optional<Known> is = know(reader, after);
    if (!was || !is) return Error(Errc::not_found, "there is no such recipe");
    const auto [first_was, first_is] = std::ranges::mismatch(was->inputs, is->inputs);
    Difference difference{was->function != is->function, was->params != is->params, std::nullopt};
    if (first_was != was->inputs.end() || first_is != is->inputs.end()) {
      difference.input = static_cast<std::size_t>(first_is - is->inputs.begin());
    }
    return difference;
  });
}

}  // namespace deriva::detail
