#include <deriva/store/divergence.hpp>

#include <algorithm>
#include <optional>

#include <boost/unordered/unordered_flat_set.hpp>

#include <deriva/store/ledger.hpp>

#include "store/dependents.hpp"

namespace deriva {

Result<std::vector<Address>> first_divergent(const Store& store, const Address& root) {
  return store.dag().snapshot([&](const PersistentDag<>::Snapshot& graph) -> Result<std::vector<Address>> {
    std::vector<Address> diverged;
    auto add = [&diverged](const Address& address, const LedgerEntry&) { return diverged.push_back(address), true; };
    if (const Result<void> listed = store.ledger().for_each_diverged(add); !listed) return listed.error();

    const boost::unordered_flat_set<Address, std::hash<Address>> suspects(diverged.begin(), diverged.end());
    boost::unordered_flat_set<Address, std::hash<Address>> consequences;
    std::vector<Address> below;
    for (const Address& address : diverged) {
      const Result<std::vector<Address>> dependents = detail::all_dependents(store, graph, address);
      if (!dependents) return dependents.error();
      bool reaches_root = address == root;
      for (const Address& dependent : *dependents) {
        reaches_root = reaches_root || dependent == root;
        if (suspects.contains(dependent)) consequences.insert(dependent);
      }
      if (reaches_root) below.push_back(address);
    }
    std::erase_if(below, [&](const Address& address) { return consequences.contains(address); });
    return below;
  });
}

Result<std::vector<Address>> taint(const Store& store, const Address& address) {
  return store.dag().snapshot([&](const PersistentDag<>::Snapshot& graph) -> Result<std::vector<Address>> {
    const Result<std::vector<Address>> dependents = detail::all_dependents(store, graph, address);
    if (!dependents) return dependents.error();
    std::vector<Address> tainted;
    for (const Address& dependent : *dependents) {
      const Result<std::optional<ResultRecord>> result = store.result(dependent);
      if (!result) return result.error();
      if (*result) tainted.push_back(dependent);
    }
    return tainted;
  });
}

}  // namespace deriva
