#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <variant>

#include <deriva/core/event.hpp>

namespace deriva {

/// A set of kinds of events: which of them an observer wants.
class EventSet {
 public:
  /// None.
  constexpr EventSet() = default;

  /// These, by the types of their bodies: `EventSet::of<event::Committed, event::MapGrown>()`.
  template <class... Bodies>
  [[nodiscard]] static constexpr EventSet of() noexcept {
    return EventSet((std::uint32_t{0} | ... | bit(index_of<Bodies>())));
  }
  [[nodiscard]] static constexpr EventSet all() noexcept { return EventSet(~std::uint32_t{0} >> (32U - kinds)); }
  /// All but these.
  template <class... Bodies>
  [[nodiscard]] static constexpr EventSet all_but() noexcept {
    return EventSet(all().bits_ & ~of<Bodies...>().bits_);
  }

  [[nodiscard]] constexpr bool contains(const Event& event) const noexcept {
    return (bits_ & bit(event.body.index())) != 0;
  }
  [[nodiscard]] constexpr bool empty() const noexcept { return bits_ == 0; }
  /// One bit for each kind, in the order of `Event::Body`, and the set that has these bits.
  [[nodiscard]] constexpr std::uint32_t bits() const noexcept { return bits_; }
  constexpr explicit EventSet(std::uint32_t bits) noexcept : bits_(bits) {}

  friend constexpr EventSet operator|(EventSet a, EventSet b) noexcept { return EventSet(a.bits_ | b.bits_); }
  friend constexpr bool operator==(EventSet, EventSet) noexcept = default;

 private:
  static constexpr std::size_t kinds = std::variant_size_v<Event::Body>;
  static_assert(kinds <= 32);

  static constexpr std::uint32_t bit(std::size_t index) noexcept { return std::uint32_t{1} << index; }

  template <class Body, std::size_t Index = 0>
  static constexpr std::size_t index_of() noexcept {
    static_assert(Index < kinds, "not the body of an event");
    if constexpr (std::same_as<Body, std::variant_alternative_t<Index, Event::Body>>) {
      return Index;
    } else {
      return index_of<Body, Index + 1>();
    }
  }

  std::uint32_t bits_ = 0;
};

}  // namespace deriva
