#include "compute/plan.hpp"

namespace deriva::detail {

NodeId Plan::target_of(RequestId request) const {
  const auto found = request_slots_.find(request);
  return found == request_slots_.end() ? none : requests_[found->second].target;
}

void Plan::renumber(std::uint64_t numbering, std::span<const Named> named,
                    FunctionRef<std::span<const StoreId>(StoreId)> inputs_of) {
  numbering_ = numbering;
  ids_.clear();
  for (NodeId node = 0; node < nodes_.end(); ++node) nodes_[node].id = none;
  visit_.clear();
  for (const Named& one : named) name(one);
  while (!visit_.empty()) {
    const Node& n = nodes_[visit_.back()];
    visit_.pop_back();
    if (n.has_value || n.work.edge_count == 0) continue;
    const std::span<const StoreId> inputs = inputs_of(n.id);
    if (inputs.size() != n.work.edge_count) continue;  // The recipe was removed.
    for (std::uint32_t i = 0; i < n.work.edge_count; ++i) name({edges_[n.work.first_edge + i].input, inputs[i]});
  }
}

/// If it has no id yet; what is below it is to be looked at. One that was forgotten is not found by its id.
void Plan::name(const Named& named) {
  if (named.node == none || named.id == none) return;
  Node& n = nodes_[named.node];
  if (n.id != none) return;
  n.id = named.id;
  if (!n.forgotten) ids_.at(named.id) = named.node;
  visit_.push_back(named.node);
}

}  // namespace deriva::detail
