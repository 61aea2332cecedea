#pragma once

#include <chrono>
#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <deriva/core/event.hpp>
#include <deriva/core/observer_hub.hpp>

#include "support/catch.hpp"

namespace deriva::test {

inline Address labelled(std::string_view text) { return Address::of_leaf(as_bytes(text)); }

inline bool nearly(double a, double b) { return std::abs(a - b) < 1e-9; }

/// A hub, and a clock of its own: what happens at which time is written down, not measured.
class Script {
 public:
  using Milliseconds = std::chrono::milliseconds;

  /// Emits as if it were `ms` milliseconds after the start.
  template <class Body>
  void at(int ms, const Body& body) {
    hub.emit_at(time(ms), body);
  }
  event::Time time(int ms) const { return start + Milliseconds(ms); }

  /// A function that ran from `from` to `to`, with its flight.
  void ran(event::FlightNumber flight, event::RequestNumber request, std::string_view function, const Address& address,
           int from, int to, event::Reason reason = event::Reason::never_computed,
           event::Ending ending = event::Ending::succeeded, std::uint64_t in = 100, std::uint64_t out = 1'000) {
    const event::NameId id = hub.name_id(function);
    at(from, event::BatchStarted{1});
    at(from, event::FlightStarted{flight, request, address});
    at(from, event::FunctionStarted{flight, request, id, address, {reason, event::NameId::none, 0, {}}});
    at(to, event::FunctionFinished{flight, request, time(from), address, in, out, id, reason, ending});
    at(to, event::FlightFinished{flight, request, time(from), address, ending});
  }

  ObserverHub hub;
  const event::Time start = event::Clock::now() - std::chrono::hours(1);
};

}  // namespace deriva::test
