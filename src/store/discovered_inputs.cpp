#include "store/discovered_inputs.hpp"

#include <cstring>

namespace deriva::detail {

Result<DiscoveredInputs> DiscoveredInputs::open(Environment& environment) {
  const Result<Inputs> inputs = Inputs::open(environment, "discovered");
  if (!inputs) return inputs.error();
  const Result<Dependents> dependents = Dependents::open(environment, "discovered.by");
  if (!dependents) return dependents.error();
  return DiscoveredInputs(*inputs, *dependents);
}

Result<void> DiscoveredInputs::put(WriteTransaction& transaction, const Address& recipe,
                                   std::span<const Address> inputs) const {
  if (auto erased = erase(transaction, recipe); !erased) return erased;
  if (inputs.empty()) return {};
  if (auto put = inputs_.put(transaction, recipe, std::as_bytes(inputs)); !put) return put;
  for (const Address& input : inputs) {
    if (const Result<bool> inserted = dependents_.insert(transaction, input, recipe); !inserted) {
      return inserted.error();
    }
  }
  return {};
}

Result<void> DiscoveredInputs::erase(WriteTransaction& transaction, const Address& recipe) const {
  const Result<std::vector<Address>> known = inputs(transaction, recipe);
  if (!known) return known.error();
  if (known->empty()) return {};
  for (const Address& input : *known) {
    if (const Result<bool> erased = dependents_.erase(transaction, input, recipe); !erased) return erased.error();
  }
  if (const Result<bool> erased = inputs_.erase(transaction, recipe); !erased) return erased.error();
  return {};
}

Result<std::vector<Address>> DiscoveredInputs::inputs(const ReadTransaction& transaction, const Address& recipe) const {
  const Result<std::optional<BytesView>> found = inputs_.get(transaction, recipe);
  if (!found) return found.error();
  std::vector<Address> inputs;
  if (!*found) return inputs;
  const BytesView bytes = **found;
  if (bytes.size() % sizeof(Address) != 0) {
    return Error(Errc::corrupted, "the list of what a function asked for is damaged").with_address(recipe);
  }
  inputs.resize(bytes.size() / sizeof(Address));
  std::memcpy(static_cast<void*>(inputs.data()), bytes.data(), bytes.size());
  return inputs;
}

Result<std::vector<Address>> DiscoveredInputs::dependents(const ReadTransaction& transaction,
                                                          const Address& address) const {
  std::vector<Address> dependents;
  const auto visit = [&](const Address& recipe) { dependents.push_back(recipe); };
  if (auto visited = dependents_.for_each_value(transaction, address, visit); !visited) return visited.error();
  return dependents;
}

}  // namespace deriva::detail
