#include <algorithm>

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include "dag/writer.hpp"

namespace deriva::detail::graph {

namespace {

// One side of the search: breadth first, remembering how each node was reached.
struct Side {
  boost::unordered_flat_map<Id, Id> via;
  std::vector<Id> queue;
  std::size_t next = 0;
  std::size_t work = 0;

  bool exhausted() const noexcept { return next == queue.size(); }
  void reach(Id id, Id from) {
    ++work;
    if (via.try_emplace(id, from).second) queue.push_back(id);
  }
};

}  // namespace

// From the inputs down and from the node up, in turns by the work done, so that the search costs about twice the
// cheaper of the two. Each side ends at what the other one started from.
std::vector<Id> find_cycle(GraphView& view, Id id, std::span<const Id> inputs) {
  const boost::unordered_flat_set<Id> goals(inputs.begin(), inputs.end());
  Side down;
  Side up;
  for (const Id input : goals) down.reach(input, id);
  up.reach(id, id);
  std::vector<Id> neighbours;
  while (!down.exhausted() && !up.exhausted()) {
    const bool turn_down = down.work <= up.work;
    Side& side = turn_down ? down : up;
    const Id at = side.queue[side.next++];
    ++side.work;
    neighbours.clear();
    const auto note = [&](Id neighbour) { return neighbours.push_back(neighbour), true; };
    if (turn_down) {
      view.for_each_input(at, note);
    } else {
      view.for_each_dependent(at, note);
    }
    for (const Id neighbour : neighbours) {
      side.reach(neighbour, at);
      if (turn_down ? neighbour != id : !goals.contains(neighbour)) continue;
      std::vector<Id> path = {id};
      for (Id on = turn_down ? at : neighbour; on != id; on = side.via.at(on)) path.push_back(on);
      path.push_back(id);
      if (turn_down) std::reverse(path.begin(), path.end());
      return path;
    }
  }
  return {};
}

}  // namespace deriva::detail::graph
