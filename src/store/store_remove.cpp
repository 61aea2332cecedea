#include <deriva/store/store.hpp>

#include <optional>

#include "dag/writer.hpp"
#include "store/cutoff_table.hpp"
#include "store/store_impl.hpp"

namespace deriva {
namespace {

using Removal = detail::graph::Writer::Removal;

/// A recipe with its result, its discovered inputs, its ledger entry and its place in the index of computations, in one
/// transaction.
Result<bool> remove_recipe(detail::StoreAccess::Impl& store, const Address& address, Removal removal) {
  const event::Time started = event::Clock::now();
  Result<bool> done = store.environment.write([&](WriteTransaction& transaction) -> Result<bool> {
    bool removed = false;
    std::optional<detail::CutoffKey> computation;
    auto change = [&](detail::graph::Writer& graph) -> Result<void> {
      const std::optional<detail::graph::Id> id = graph.view().find(address.bytes());
      if (!id) return {};
      computation = detail::cutoff_key_of(graph.view(), *id);  // Its parts go with the recipe.
      removed = graph.remove(address.bytes(), removal);
      return {};
    };
    if (auto changed = store.graph().change(transaction, change); !changed) return changed.error();
    if (!removed) return false;
    if (computation) {
      if (auto erased = store.cutoffs.erase(transaction, *computation, address); !erased) return erased.error();
    }
    if (auto erased = store.discovered.erase(transaction, address); !erased) return erased.error();
    if (const Result<bool> cleared = store.ledger.clear(transaction, address); !cleared) return cleared.error();
    return true;
  });
  if (done && *done && store.observers) store.observers->emit(event::DagRemoved{started, 1});
  return done;
}

}  // namespace

Result<bool> Store::remove(const Address& address) { return remove_recipe(*impl_, address, Removal::refuse_if_needed); }

Result<bool> Store::force_remove(const Address& address) { return remove_recipe(*impl_, address, Removal::forced); }

}  // namespace deriva
