#include "store/dependents.hpp"

#include <algorithm>
#include <utility>

#include <boost/unordered/unordered_flat_set.hpp>

namespace deriva::detail {
namespace {

Result<std::vector<Address>> direct_dependents(const Store& store, const PersistentDag<>::Snapshot& graph,
                                               const Address& address) {
  Result<std::vector<Address>> found = graph.direct_dependents(address);
  if (!found) return found;
  Result<std::vector<Address>> askers = store.discovered_dependents(address);
  if (!askers) return askers;
  found->insert(found->end(), askers->begin(), askers->end());
  return found;
}

}  // namespace

Result<std::vector<Address>> all_dependents(const Store& store, const PersistentDag<>::Snapshot& graph,
                                            const Address& address) {
  struct Visit {
    Address address;
    std::vector<Address> unvisited;
  };
  std::vector<Address> reached;
  std::vector<Visit> path;
  boost::unordered_flat_set<Address, std::hash<Address>> seen;
  const auto enter = [&](const Address& next) -> Result<void> {
    seen.insert(next);
    Result<std::vector<Address>> dependents = direct_dependents(store, graph, next);
    if (!dependents) return dependents.error();
    path.push_back({next, *std::move(dependents)});
    return {};
  };
  if (auto entered = enter(address); !entered) return entered.error();
  while (!path.empty()) {
    Visit& visit = path.back();
    if (visit.unvisited.empty()) {  // All that depends on it is reached: it comes before that.
      reached.push_back(visit.address);
      path.pop_back();
      continue;
    }
    const Address next = visit.unvisited.back();
    visit.unvisited.pop_back();
    if (seen.contains(next)) continue;
    if (auto entered = enter(next); !entered) return entered.error();
  }
  reached.pop_back();  // Itself.
  std::reverse(reached.begin(), reached.end());
  return reached;
}

}  // namespace deriva::detail
