#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

namespace deriva::detail {

/// A way down from `top` over one of `first` to `top` itself: its nodes in order, `top` at both ends; empty if there is
/// none. `for_each_below(node, visit)` and `for_each_above(node, visit)` give the neighbours of a node.
///
/// From the first ones down and from the top up, in turns by the work done, so that the search costs about twice the
/// cheaper of the two. Each side ends at what the other one started from.
template <class Below, class Above>
std::vector<std::uint32_t> find_cycle(std::uint32_t top, std::span<const std::uint32_t> first,
                                      const Below& for_each_below, const Above& for_each_above) {
  /// Breadth first, remembering how each node was reached.
  struct Side {
    boost::unordered_flat_map<std::uint32_t, std::uint32_t> via;
    std::vector<std::uint32_t> queue;
    std::size_t next = 0;
    std::size_t work = 0;

    bool exhausted() const noexcept { return next == queue.size(); }
    void reach(std::uint32_t id, std::uint32_t from) {
      ++work;
      if (via.try_emplace(id, from).second) queue.push_back(id);
    }
  };
  const boost::unordered_flat_set<std::uint32_t> goals(first.begin(), first.end());
  if (goals.contains(top)) return {top, top};
  Side down;
  Side up;
  for (const std::uint32_t goal : goals) down.reach(goal, top);
  up.reach(top, top);
  std::vector<std::uint32_t> neighbours;
  const auto note = [&](std::uint32_t neighbour) { return neighbours.push_back(neighbour), true; };
  while (!down.exhausted() && !up.exhausted()) {
    const bool turn_down = down.work <= up.work;
    Side& side = turn_down ? down : up;
    const std::uint32_t at = side.queue[side.next++];
    ++side.work;
    neighbours.clear();
    turn_down ? for_each_below(at, note) : for_each_above(at, note);
    for (const std::uint32_t neighbour : neighbours) {
      side.reach(neighbour, at);
      if (turn_down ? neighbour != top : !goals.contains(neighbour)) continue;
      std::vector<std::uint32_t> path = {top};
      for (std::uint32_t on = turn_down ? at : neighbour; on != top; on = side.via.at(on)) path.push_back(on);
      path.push_back(top);
      if (turn_down) std::reverse(path.begin(), path.end());
      return path;
    }
  }
  return {};
}

}  // namespace deriva::detail
