#pragma once

#include <cstddef>
#include <cstdint>

#include "compute/plan.hpp"
#include "compute/plan_inline.hpp"

namespace deriva::detail {

template <class Take>
void Plan::expand(std::size_t most, Take&& take) {
  constexpr std::size_t turn = 64;  // Nodes of one request, before it is another one's turn.
  for (bool goes_on = true; goes_on && most > 0 && expansions_ > 0;) {
    const std::uint32_t slot = pick(to_expand);
    if (slot == none) return;
    Request& request = requests_[slot];  // Nobody takes the slot meanwhile, even if its last node goes.
    for (std::size_t i = 0; i < turn && goes_on && most > 0 && !request.unexpanded.empty(); ++i, --most) {
      const NodeId node = request.unexpanded.pop(nodes_);
      Node& n = nodes_[node];
      --expansions_;
      if (n.state == State::dropped || n.interest == 0) {
        end_exploring(n);
        free(node, n);
      } else {
        n.state = State::expanding;
        goes_on = take(Expansion{node, n.id, n.forced});
      }
    }
    request.expands = !request.unexpanded.empty();
    next_turn(to_expand, slot, request.expands);
  }
}

}  // namespace deriva::detail
