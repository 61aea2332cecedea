#include <deriva/store/impact.hpp>

#include <optional>
#include <vector>

#include <boost/unordered/unordered_flat_set.hpp>

#include "store/recipes_of.hpp"

namespace deriva {
namespace {

using Graph = PersistentDag<>::Snapshot;

/// Adds up what is recorded of recipes; each counts once.
class Tally {
 public:
  explicit Tally(const Store& store) : store_(store) {}

  /// Counts the recipe and everything that depends on it, over inputs of recipes and over what functions asked for.
  /// What was counted before has its dependents counted, too.
  Result<void> add_with_dependents(const Graph& graph, const Address& address) {
    std::vector<Address> changed{address};
    while (!changed.empty()) {
      const Address next = changed.back();
      changed.pop_back();
      if (seen_.contains(next)) continue;
      const std::size_t first = order_.size();
      if (auto added = add_over_inputs(graph, next); !added) return added;
      if (auto found = find_askers(next, first, changed); !found) return found;
    }
    return {};
  }
  [[nodiscard]] const Impact& impact() const { return impact_; }

 private:
  Result<void> add_over_inputs(const Graph& graph, const Address& address) {
    const Result<bool> is_recipe = graph.contains(address);
    if (!is_recipe) return is_recipe.error();
    if (*is_recipe) {
      if (Result<void> added = add(address); !added) return added;
    }
    Result<void> outcome;
    auto visit = [&](const Address& dependent) {
      if (!seen_.contains(dependent)) outcome = add(dependent);
      return outcome.has_value();
    };
    const Result<void> walked = graph.for_each_transitive_dependent(address, visit);
    return walked ? outcome : walked;
  }

  /// Appends the recipes whose functions asked for the address, or for what was counted from `first` on.
  Result<void> find_askers(const Address& address, std::size_t first, std::vector<Address>& out) const {
    const auto append = [&](const Address& asked) -> Result<void> {
      const Result<std::vector<Address>> askers = store_.discovered_dependents(asked);
      if (!askers) return askers.error();
      out.insert(out.end(), askers->begin(), askers->end());
      return {};
    };
    if (Result<void> appended = append(address); !appended) return appended;
    for (std::size_t i = first; i < order_.size(); ++i) {
      if (Result<void> appended = append(order_[i]); !appended) return appended;
    }
    return {};
  }

  Result<void> add(const Address& address) {
    seen_.insert(address);
    order_.push_back(address);
    ++impact_.recipes;
    const Result<std::optional<ResultRecord>> result = store_.result(address);
    if (!result) return result.error();
    if (*result) {
      ++impact_.computed;
      impact_.bytes += (*result)->size;
      impact_.compute_time += (*result)->compute_time;
    }
    return {};
  }

  const Store& store_;
  boost::unordered_flat_set<Address, std::hash<Address>> seen_;
  std::vector<Address> order_;  ///< As they were counted.
  Impact impact_;
};

}  // namespace

Result<Impact> impact_of(const Store& store, std::span<const Address> changed) {
  return store.dag().snapshot([&](const Graph& graph) -> Result<Impact> {
    Tally tally(store);
    for (const Address& address : changed) {
      if (auto added = tally.add_with_dependents(graph, address); !added) return added.error();
    }
    return tally.impact();
  });
}

Result<Impact> impact_of_function(const Store& store, std::string_view name, std::string_view version) {
  return store.dag().snapshot([&](const Graph& graph) -> Result<Impact> {
    Tally tally(store);
    auto is_one = [&](const FunctionId& one) {
      return one.name == name && (version.empty() || one.version == version);
    };
    auto visit = [&](const Address& address) { return tally.add_with_dependents(graph, address); };
    if (auto walked = detail::for_each_recipe_of(store, is_one, visit); !walked) return walked.error();
    return tally.impact();
  });
}

}  // namespace deriva
