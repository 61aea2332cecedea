#pragma once

#include <cstdint>

namespace deriva {

/// Facts about a graph; see `PersistentDag::stats`.
struct DagStats {
  std::uint64_t recipes = 0;       ///< Entries.
  std::uint64_t placeholders = 0;  ///< Keys that are inputs without an entry: leaves, and what is not known yet.
  std::uint64_t edges = 0;         ///< Inputs of all entries, repetitions included.
  std::uint64_t nodes = 0;         ///< Numbers given to keys: entries, placeholders, and the removed.
  std::uint64_t removed = 0;       ///< Nodes that `compact` will drop.
  std::uint64_t tail = 0;          ///< Nodes that are in the log only, and in memory; bounded.
  bool late = false;               ///< Some input got its entry after a dependent: walks are slower until `compact`.

  // Bytes of the pages in use, per table
  std::uint64_t log_bytes = 0;      ///< Keys and inputs: the truth.
  std::uint64_t index_bytes = 0;    ///< Keys to nodes.
  std::uint64_t reverse_bytes = 0;  ///< Inputs to dependents.

  [[nodiscard]] std::uint64_t bytes() const noexcept { return log_bytes + index_bytes + reverse_bytes; }
};

/// What `PersistentDag::compact` did.
struct DagCompaction {
  std::uint64_t bytes_before = 0;  ///< Of the pages in use by the graph. The file keeps its size, and reuses the rest.
  std::uint64_t bytes_after = 0;
  std::uint64_t nodes_before = 0;
  std::uint64_t nodes_after = 0;
};

}  // namespace deriva
