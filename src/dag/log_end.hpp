#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include <deriva/core/bytes.hpp>

#include "dag/block.hpp"

namespace deriva::detail::graph {

/// Nodes at the end of the log, in memory: they lie over what the tables say.
struct LogEnd {
  Id first_key = 0;                       ///< the first id of a block
  std::vector<std::byte> keys;            ///< of the ids from `first_key` on
  std::map<std::uint32_t, Block> blocks;  ///< changed ones, and the one that is not full
  std::map<Id, std::vector<Id>> lists;    ///< new long lists

  /// Adds the node behind the last one.
  void append(const BlockShape& shape, Id id, BytesView key, bool has_entry, std::span<const Id> inputs) {
    keys.insert(keys.end(), key.begin(), key.end());
    Block& block = blocks.try_emplace(shape.block_of(id), shape).first->second;
    if (!block.append(id, has_entry, inputs)) lists[id].assign(inputs.begin(), inputs.end());
  }
  /// Requires: it has the key.
  const std::byte* key_at(const BlockShape& shape, Id id) const noexcept {
    return keys.data() + std::size_t{id - first_key} * shape.key_size();
  }
};

}  // namespace deriva::detail::graph
