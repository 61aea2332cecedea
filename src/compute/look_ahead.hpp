#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "compute/slab.hpp"

namespace deriva::detail {

/// Which nodes were looked up before the plan asked for them, and how many are worth it: as a file system reads ahead,
/// twice as many each time that all of them were asked for.
///
/// A direct-mapped table of positions in a list of the caller's, which has the last word: what is overwritten is looked
/// up once more.
class LookAhead {
 public:
  static constexpr std::size_t most = 256;

  /// How many nodes to look up beyond those that were asked for.
  [[nodiscard]] std::size_t budget() const noexcept { return budget_; }
  void used(std::size_t used, std::size_t looked_up) noexcept {
    budget_ = std::clamp(used == looked_up ? 2 * budget_ : used, least, most);
  }

  void add(std::uint32_t id, std::size_t position) noexcept {
    positions_[id % positions_.size()] = static_cast<std::uint32_t>(position);
  }
  /// Where `list` has the id, or `none`. `list`: of elements with an `id`.
  template <class List>
  [[nodiscard]] std::uint32_t find(std::uint32_t id, const List& list) const noexcept {
    const std::uint32_t position = positions_[id % positions_.size()];
    return position < list.size() && list[position].id == id ? position : none;
  }

 private:
  static constexpr std::size_t least = 2;

  std::size_t budget_ = least;
  std::array<std::uint32_t, 1'024> positions_{};
};

}  // namespace deriva::detail
