#include <algorithm>

#include "compute/plan_inline.hpp"

namespace deriva::detail {

// --- Functions

void Plan::set_function(std::uint32_t number, const ResolvedFunction& function, std::array<std::uint32_t, 2> limits,
                        bool is_plain) {
  if (number >= functions_.size()) functions_.resize(number + 1);
  const bool is_limited = std::ranges::any_of(limits, [](std::uint32_t limit) { return limit != unlimited; });
  functions_[number] = {
      .function = &function, .limits = limits, .is_limited = is_limited, .goes_along = is_plain && !is_limited};
}

std::uint32_t Plan::add_limit(std::size_t places) {
  limits_.push_back({std::max<std::size_t>(places, 1), 0, {}});
  return static_cast<std::uint32_t>(limits_.size() - 1);
}

void Plan::observe(std::uint32_t function, float nanoseconds) {
  constexpr float weight = 1.0F / 8;
  Function& observed = functions_[function];
  float& average = observed.average;
  const float measured = std::max(nanoseconds, 1.0F);
  average = average > 0 ? average + (measured - average) * weight : measured;
  if (observed.goes_along) observed.along = average;
}

// --- Places

/// Takes a place of each limit of the node's function; if there is none, the node waits for it, out of the queue.
bool Plan::take_places(NodeId node) {
  Node& n = nodes_[node];
  const std::array<std::uint32_t, 2> limits = functions_[n.work.function].limits;
  for (const std::uint32_t limit : limits) {
    if (limit == unlimited || limits_[limit].taken < limits_[limit].places) continue;
    if (n.state == State::running) {  // What has begun comes first.
      limits_[limit].waiting.push_front(node, n);
    } else {
      limits_[limit].waiting.push(nodes_, node, n);
    }
    return false;
  }
  for (const std::uint32_t limit : limits) {
    if (limit == unlimited) continue;
    ++limits_[limit].taken;
    n.has_places = true;
  }
  return true;
}

void Plan::give_places_back(NodeId node) {
  Node& n = nodes_[node];
  if (!n.has_places) return;
  n.has_places = false;
  for (const std::uint32_t number : functions_[n.work.function].limits) {
    if (number == unlimited) continue;
    --limits_[number].taken;
    offer_place(number);
  }
}

/// If there is a place, the next one that waits for it may try. Who tries and does not take it offers it again.
void Plan::offer_place(std::uint32_t number) {
  Limit& limit = limits_[number];
  while (limit.taken < limit.places && !limit.waiting.empty()) {
    const auto [next, n] = limit.waiting.pop(nodes_);
    if (n.state == State::running) {
      if (go_on(next)) return;
    } else if (is_unwanted(n)) {
      discard(next, n);
    } else {
      return push_ready(next, n);
    }
  }
}

void Plan::offer_places(std::uint32_t function) {
  for (const std::uint32_t limit : functions_[function].limits) {
    if (limit != unlimited) offer_place(limit);
  }
}

}  // namespace deriva::detail
