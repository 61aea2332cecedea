#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <deriva/core/address.hpp>
#include <deriva/core/bytes.hpp>

#include "dag/block.hpp"

namespace deriva::detail {

/// The recipes of one block of the graph, decoded together by `StoreReader::decode`: to decode all of a block takes as
/// long as looking a few of them up (executor.empty.*). Valid for the snapshot.
struct RecipeBlock {
  static constexpr std::uint32_t no_block = std::numeric_limits<std::uint32_t>::max();
  static constexpr std::uint32_t no_function = std::numeric_limits<std::uint32_t>::max();
  static constexpr std::size_t most_nodes = graph::BlockShape::page_bytes / Address::size_bytes;
  static constexpr std::size_t words = (most_nodes + 63) / 64;  ///< Of a bitmap of them.

  /// A recipe, or what is to be looked up by itself.
  struct Entry {
    std::uint32_t function = no_function;  ///< The store's number of it. `no_function`: no recipe, or one that has a
    std::uint16_t first_input = 0;         ///< result recorded, or is not in the block as a whole.
    std::uint16_t input_count = 0;
    std::uint16_t first_param = 0;  ///< Of the bytes of its encoded params, in `payloads`.
    std::uint16_t param_bytes = 0;
  };

  [[nodiscard]] const Entry& entry(graph::Id id) const noexcept { return entries[id - first]; }
  [[nodiscard]] std::span<const graph::Id> inputs_of(const Entry& entry) const noexcept {
    return {inputs.data() + entry.first_input, entry.input_count};
  }
  [[nodiscard]] BytesView params_of(const Entry& entry) const noexcept {
    return {payloads + entry.first_param, entry.param_bytes};
  }

  std::uint32_t number = no_block;
  graph::Id first = 0;
  const std::byte* payloads = nullptr;
  std::array<Entry, most_nodes> entries;
  std::vector<graph::Id> inputs;
};

}  // namespace deriva::detail
