#pragma once

#include "dag/engine.hpp"

namespace bench {

/// SQLite: keys in one table, edges between their row ids in another, with an index for the other direction.
[[nodiscard]] EngineKind sqlite_interned_engine();
/// SQLite: one row per recipe with all its inputs as one blob, and one row per edge for the other direction.
[[nodiscard]] EngineKind sqlite_blob_engine();
/// RocksDB: a column family of recipes with their inputs, and one of edges in the other direction.
[[nodiscard]] EngineKind rocksdb_engine();

}  // namespace bench
