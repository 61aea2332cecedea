#include <deriva/core/event_set.hpp>

#include <cstddef>
#include <utility>
#include <vector>

#include "support/catch.hpp"

namespace deriva {
namespace {

template <std::size_t... Index>
std::vector<Event> one_of_each(std::index_sequence<Index...>) {
  return {Event{{}, 0, Event::Body(std::in_place_index<Index>)}...};
}

const std::vector<Event> every_kind = one_of_each(std::make_index_sequence<std::variant_size_v<Event::Body>>());

TEST_CASE("event set: all has each kind, and none has no kind") {
  for (const Event& event : every_kind) {
    INFO(name_of(event.body));
    CHECK(EventSet::all().contains(event));
    CHECK_FALSE(EventSet().contains(event));
  }
  CHECK(EventSet().empty());
  CHECK_FALSE(EventSet::all().empty());
}

TEST_CASE("event set: has what it was made of, and nothing else") {
  constexpr EventSet some = EventSet::of<event::RequestStarted, event::Committed, event::ObserverFailed>();
  constexpr EventSet others = EventSet::all_but<event::RequestStarted, event::Committed, event::ObserverFailed>();
  for (const Event& event : every_kind) {
    INFO(name_of(event.body));
    const bool named = event.as<event::RequestStarted>() != nullptr || event.as<event::Committed>() != nullptr ||
                       event.as<event::ObserverFailed>() != nullptr;
    CHECK(some.contains(event) == named);
    CHECK(others.contains(event) == !named);
  }
  CHECK((some | others) == EventSet::all());
  CHECK((some | EventSet()) == some);
}

}  // namespace
}  // namespace deriva
