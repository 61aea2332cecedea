#include "dag/tail.hpp"

#include <algorithm>
#include <bit>

namespace deriva::detail::graph {

void Tail::reset(Id first) noexcept {
  first_ = first;
  if (!hashes_.empty()) std::fill(slots_.begin(), slots_.end(), 0U);
  hashes_.clear();
  edges.clear();
  edges_end = first;
}

void Tail::reserve(std::size_t nodes) {
  hashes_.reserve(nodes);
  const std::size_t slots = std::bit_ceil(2 * nodes + 1);
  if (slots <= slots_.size()) return;
  slots_.assign(slots, 0);
  for (std::uint32_t node = 0; node < hashes_.size(); ++node) place(node);
}

void Tail::add(std::uint32_t hash) {
  hashes_.push_back(hash);
  if (2 * hashes_.size() > slots_.size()) {
    slots_.assign(std::max<std::size_t>(256, 2 * slots_.size()), 0);
    for (std::uint32_t node = 0; node < hashes_.size(); ++node) place(node);
  } else {
    place(static_cast<std::uint32_t>(hashes_.size() - 1));
  }
}

void Tail::place(std::uint32_t node) noexcept {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hashes_[node] & mask;
  while (slots_[at] != 0) at = (at + 1) & mask;
  slots_[at] = node + 1;
}

}  // namespace deriva::detail::graph
