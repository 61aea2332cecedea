#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include <deriva/core/bytes.hpp>

struct MDB_env;
struct MDB_txn;

namespace bench {

/// What LMDB takes and gives without anything around it: one table, bytes to bytes, no checks of the content.
class RawLmdb {
 public:
  enum class Flush : std::uint8_t {
    all,   ///< Every commit is durable: deriva's Durability::sync.
    data,  ///< MDB_NOMETASYNC: deriva's Durability::relaxed.
  };
  using Item = std::pair<deriva::BytesView, deriva::BytesView>;

  /// Opens or creates the environment in a directory that exists. All members throw `std::runtime_error` on failure.
  explicit RawLmdb(const std::filesystem::path& directory, Flush flush = Flush::all);
  RawLmdb(const RawLmdb&) = delete;
  RawLmdb& operator=(const RawLmdb&) = delete;
  ~RawLmdb();

  /// Stores the items in one transaction.
  void put(std::span<const Item> items);
  /// Removes the keys in one transaction; returns how many were there.
  std::size_t erase(std::span<const deriva::BytesView> keys);
  /// Calls `visit(value)` on a snapshot of its own; returns whether the key is there.
  template <class Visit>
  bool get(deriva::BytesView key, Visit&& visit) {
    const std::optional<deriva::BytesView> value = begin_get(key);
    if (value) visit(*value);
    end_get();
    return value.has_value();
  }

 private:
  std::optional<deriva::BytesView> begin_get(deriva::BytesView key);
  void end_get();

  MDB_env* environment_ = nullptr;
  MDB_txn* reader_ = nullptr;
  unsigned int table_ = 0;
};

/// Bytes that an LMDB environment occupies.
struct LmdbUsage {
  std::uint64_t file = 0;  ///< Size of data.mdb.
  std::uint64_t live = 0;  ///< Pages in use by its tables: the file without free pages.
};

/// Requires: the environment is not open in this process.
[[nodiscard]] LmdbUsage lmdb_usage(const std::filesystem::path& directory);

}  // namespace bench
