#include "dag/edge_map.hpp"

#include <algorithm>

namespace deriva::detail::graph {

void EdgeMap::clear() noexcept {
  if (inputs_ > 0) std::fill(slots_.begin(), slots_.end(), Slot{});
  edges_.clear();
  inputs_ = 0;
}

void EdgeMap::add(Id input, Id dependent) {
  if (2 * (inputs_ + 1) > slots_.size()) grow();
  Slot& slot = slots_[slot_of(input)];
  if (slot.input == none) {
    slot.input = input;
    ++inputs_;
  }
  if (slot.last != none && edges_[slot.last].dependent == dependent) return;
  const auto at = static_cast<std::uint32_t>(edges_.size());
  edges_.push_back({dependent, none});
  (slot.last == none ? slot.first : edges_[slot.last].next) = at;
  slot.last = at;
}

bool EdgeMap::remove(Id input, Id dependent) {
  if (slots_.empty()) return false;
  Slot& slot = slots_[slot_of(input)];
  std::uint32_t before = none;
  for (std::uint32_t at = slot.first; at != none; before = at, at = edges_[at].next) {
    if (edges_[at].dependent != dependent) continue;
    (before == none ? slot.first : edges_[before].next) = edges_[at].next;
    if (slot.last == at) slot.last = before;
    return true;
  }
  return false;
}

void EdgeMap::collect(std::vector<std::uint64_t>& out) const {
  for (const Slot& slot : slots_) {
    for (std::uint32_t at = slot.first; at != none; at = edges_[at].next) {
      out.push_back(std::uint64_t{slot.input} << 32U | edges_[at].dependent);
    }
  }
}

void EdgeMap::grow() {
  std::vector<Slot> old(std::max<std::size_t>(64, 2 * slots_.size()));
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.input != none) slots_[slot_of(slot.input)] = slot;
  }
}

}  // namespace deriva::detail::graph
