#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include <lmdb.h>

#include <deriva/core/bytes.hpp>
#include <deriva/storage/transaction.hpp>

#include "storage/failure.hpp"

namespace deriva::detail {

// Tables with u64 keys in the machine's order (MDB_INTEGERKEY). The functions throw `Failure`.

/// An entry of a table, viewed until the next change of the transaction or its end.
struct TableEntry {
  std::uint64_t key;
  BytesView value;
};

[[nodiscard]] std::optional<BytesView> get(MDB_txn* transaction, MDB_dbi table, std::uint64_t key);

/// Where `put` expects the key.
enum class Place : std::uint8_t { anywhere, last };

/// Room for a value in the table itself, to be written before the next change.
[[nodiscard]] std::span<std::byte> reserve(WriteTransaction& transaction, MDB_dbi table, std::uint64_t key,
                                           std::size_t size, Place place = Place::anywhere);
void put(WriteTransaction& transaction, MDB_dbi table, std::uint64_t key, BytesView value,
         Place place = Place::anywhere);
/// Puts the value unless the key is there; returns its value then, as `get`.
std::optional<BytesView> insert(WriteTransaction& transaction, MDB_dbi table, std::uint64_t key, BytesView value);
void erase(WriteTransaction& transaction, MDB_dbi table, std::uint64_t key);
// The table of the names of all tables, which LMDB writes with every commit anyway, has room for other values too.
/// Its handle, which is always the same.
[[nodiscard]] MDB_dbi unnamed_table(MDB_txn* transaction);
[[nodiscard]] std::optional<BytesView> get(MDB_txn* transaction, MDB_dbi unnamed, std::string_view name);
[[nodiscard]] std::span<std::byte> reserve(WriteTransaction& transaction, MDB_dbi unnamed, std::string_view name,
                                           std::size_t size);
void put(WriteTransaction& transaction, MDB_dbi unnamed, std::string_view name, BytesView value);
void erase(WriteTransaction& transaction, MDB_dbi unnamed, std::string_view name);

/// Empties the table.
void clear(WriteTransaction& transaction, MDB_dbi table);

/// Pages of LMDB in use by a table, and its number of entries.
struct TableSize {
  std::uint64_t bytes;
  std::uint64_t entries;
};
[[nodiscard]] TableSize table_size(MDB_txn* transaction, MDB_dbi table);

[[nodiscard]] std::uint64_t page_size(MDB_txn* transaction);

/// A position in a table. May be kept and bound to another transaction, but not to one that writes.
class Cursor {
 public:
  Cursor() = default;
  Cursor(MDB_txn* transaction, MDB_dbi table);

  /// Moves a cursor that was made for reading to another reading transaction.
  void bind(MDB_txn* transaction);

  /// The first entry whose key is at least `key`.
  [[nodiscard]] std::optional<TableEntry> at_least(std::uint64_t key);
  [[nodiscard]] std::optional<TableEntry> next();
  [[nodiscard]] std::optional<TableEntry> first();
  /// How many there are.
  [[nodiscard]] std::uint64_t entries() const;

  explicit operator bool() const noexcept { return native_ != nullptr; }

 private:
  struct Close {
    void operator()(MDB_cursor* cursor) const noexcept { mdb_cursor_close(cursor); }
  };
  std::optional<TableEntry> move(MDB_val& key, MDB_cursor_op operation);

  std::unique_ptr<MDB_cursor, Close> native_;
};

}  // namespace deriva::detail
