#include "dag/two_way_search.hpp"
#include "dag/writer.hpp"

namespace deriva::detail::graph {

std::vector<Id> find_cycle(GraphView& view, Id id, std::span<const Id> inputs) {
  return detail::find_cycle(
      id, inputs, [&](Id at, const auto& visit) { view.for_each_input(at, visit); },
      [&](Id at, const auto& visit) { view.for_each_dependent(at, visit); });
}

}  // namespace deriva::detail::graph
