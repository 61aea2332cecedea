#include "dag/edge_map.hpp"

#include <algorithm>
#include <bit>

namespace deriva::detail::graph {

void EdgeMap::clear() noexcept {
  if (inputs_ > 0) std::fill(slots_.begin(), slots_.end(), Slot{});
  edges_.clear();
  inputs_ = 0;
}

void EdgeMap::reserve(std::size_t edges) {
  edges_.reserve(edges);
  const std::size_t slots = std::bit_ceil(edges + 1);
  if (slots > slots_.size()) resize(slots);
}

void EdgeMap::add(Id input, Id dependent) {
  if (4 * (inputs_ + 1) > 3 * slots_.size()) resize(std::max<std::size_t>(64, 2 * slots_.size()));
  Slot& slot = slots_[slot_of(input)];
  if (slot.input == none) {
    slot.input = input;
    ++inputs_;
  }
  if (slot.last != none && edges_[slot.last].dependent == dependent) return;
  const auto at = static_cast<std::uint32_t>(edges_.size());
  const std::uint32_t first = slot.last == none ? at : edges_[slot.last].next;
  edges_.push_back({dependent, first});
  if (slot.last != none) edges_[slot.last].next = at;
  slot.last = at;
}

bool EdgeMap::remove(Id input, Id dependent) {
  if (slots_.empty()) return false;
  Slot& slot = slots_[slot_of(input)];
  if (slot.last == none) return false;
  std::uint32_t before = slot.last;
  for (std::uint32_t at = edges_[before].next;; before = at, at = edges_[at].next) {
    if (edges_[at].dependent == dependent) {
      edges_[before].next = edges_[at].next;
      if (slot.last == at) slot.last = before == at ? none : before;
      return true;
    }
    if (at == slot.last) return false;
  }
}

void EdgeMap::collect(std::vector<std::uint64_t>& out) const {
  out.reserve(out.size() + edges_.size());
  for (const Slot& slot : slots_) {
    for_each_in(slot, [&](Id dependent) {
      out.push_back(std::uint64_t{slot.input} << 32U | dependent);
      return true;
    });
  }
}

void EdgeMap::resize(std::size_t slots) {
  std::vector<Slot> old(slots);
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.input != none) slots_[slot_of(slot.input)] = slot;
  }
}

}  // namespace deriva::detail::graph
