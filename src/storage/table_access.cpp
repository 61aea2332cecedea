#include "storage/table_access.hpp"

#include <algorithm>
#include <cstring>

#include "storage/lmdb_error.hpp"

namespace deriva::detail {

namespace {

// LMDB does not write through keys.
MDB_val key_of(const std::uint64_t& key) noexcept { return {sizeof(key), const_cast<std::uint64_t*>(&key)}; }
MDB_val key_of(std::string_view name) noexcept { return {name.size(), const_cast<char*>(name.data())}; }

BytesView view_of(const MDB_val& value) noexcept {
  return {static_cast<const std::byte*>(value.mv_data), value.mv_size};
}

[[noreturn]] void fail(int code, const char* doing) { throw Failure{lmdb_error(code, doing)}; }

void check_write(WriteTransaction& transaction, int code, const char* doing) {
  transaction.count_change();
  if (code == MDB_SUCCESS) return;
  if (!leaves_transaction_usable(code)) transaction.count_fault(code);
  fail(code, doing);
}

std::optional<BytesView> get_native(MDB_txn* transaction, MDB_dbi table, MDB_val key) {
  MDB_val value{};
  const int code = mdb_get(transaction, table, &key, &value);
  if (code == MDB_NOTFOUND) return std::nullopt;
  if (code != MDB_SUCCESS) fail(code, "reading the graph");
  return view_of(value);
}

std::span<std::byte> reserve_native(WriteTransaction& transaction, MDB_dbi table, MDB_val key, std::size_t size,
                                    unsigned int flags) {
  MDB_val value{size, nullptr};
  check_write(transaction, mdb_put(transaction.native(), table, &key, &value, MDB_RESERVE | flags),
              "writing the graph");
  return {static_cast<std::byte*>(value.mv_data), value.mv_size};
}

}  // namespace

MDB_dbi unnamed_table(MDB_txn* transaction) {
  MDB_dbi table = 0;
  if (const int code = mdb_dbi_open(transaction, nullptr, 0, &table); code != MDB_SUCCESS) {
    fail(code, "reading the graph");
  }
  return table;
}

std::optional<BytesView> get(MDB_txn* transaction, MDB_dbi table, std::uint64_t key) {
  return get_native(transaction, table, key_of(key));
}

std::optional<BytesView> get(MDB_txn* transaction, MDB_dbi unnamed, std::string_view name) {
  return get_native(transaction, unnamed, key_of(name));
}

std::span<std::byte> reserve(WriteTransaction& transaction, MDB_dbi table, std::uint64_t key, std::size_t size,
                             Place place) {
  return reserve_native(transaction, table, key_of(key), size, place == Place::last ? MDB_APPEND : 0U);
}

std::span<std::byte> reserve(WriteTransaction& transaction, MDB_dbi unnamed, std::string_view name, std::size_t size) {
  return reserve_native(transaction, unnamed, key_of(name), size, 0);
}

void put(WriteTransaction& transaction, MDB_dbi unnamed, std::string_view name, BytesView value) {
  std::ranges::copy(value, reserve(transaction, unnamed, name, value.size()).begin());
}

void put(WriteTransaction& transaction, MDB_dbi table, std::uint64_t key, BytesView value, Place place) {
  const std::span<std::byte> room = reserve(transaction, table, key, value.size(), place);
  std::ranges::copy(value, room.begin());
}

std::optional<BytesView> insert(WriteTransaction& transaction, MDB_dbi table, std::uint64_t key, BytesView value) {
  MDB_val native_key = key_of(key);
  MDB_val native_value{value.size(), const_cast<std::byte*>(value.data())};
  const int code = mdb_put(transaction.native(), table, &native_key, &native_value, MDB_NOOVERWRITE);
  if (code == MDB_KEYEXIST) return view_of(native_value);
  check_write(transaction, code, "writing the graph");
  return std::nullopt;
}

void erase(WriteTransaction& transaction, MDB_dbi table, std::uint64_t key) {
  MDB_val native_key = key_of(key);
  check_write(transaction, mdb_del(transaction.native(), table, &native_key, nullptr), "writing the graph");
}

void erase(WriteTransaction& transaction, MDB_dbi unnamed, std::string_view name) {
  MDB_val native_key = key_of(name);
  check_write(transaction, mdb_del(transaction.native(), unnamed, &native_key, nullptr), "writing the graph");
}

void clear(WriteTransaction& transaction, MDB_dbi table) {
  check_write(transaction, mdb_drop(transaction.native(), table, 0), "writing the graph");
}

TableSize table_size(MDB_txn* transaction, MDB_dbi table) {
  MDB_stat stat{};
  if (const int code = mdb_stat(transaction, table, &stat); code != MDB_SUCCESS) fail(code, "reading the graph");
  return {(stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages) * std::uint64_t{stat.ms_psize},
          stat.ms_entries};
}

std::uint64_t page_size(MDB_txn* transaction) {
  MDB_stat stat{};
  if (const int code = mdb_env_stat(mdb_txn_env(transaction), &stat); code != MDB_SUCCESS) {
    fail(code, "reading the graph");
  }
  return stat.ms_psize;
}

Cursor::Cursor(MDB_txn* transaction, MDB_dbi table) {
  MDB_cursor* cursor = nullptr;
  if (const int code = mdb_cursor_open(transaction, table, &cursor); code != MDB_SUCCESS) {
    fail(code, "reading the graph");
  }
  native_.reset(cursor);
}

void Cursor::bind(MDB_txn* transaction) {
  if (const int code = mdb_cursor_renew(transaction, native_.get()); code != MDB_SUCCESS) {
    fail(code, "reading the graph");
  }
}

std::optional<TableEntry> Cursor::at_least(std::uint64_t key) {
  MDB_val native_key = key_of(key);
  return move(native_key, MDB_SET_RANGE);
}

std::optional<TableEntry> Cursor::next() {
  MDB_val key{};
  return move(key, MDB_NEXT);
}

std::optional<TableEntry> Cursor::first() {
  MDB_val key{};
  return move(key, MDB_FIRST);
}

std::uint64_t Cursor::entries() const {
  return table_size(mdb_cursor_txn(native_.get()), mdb_cursor_dbi(native_.get())).entries;
}

std::optional<TableEntry> Cursor::move(MDB_val& key, MDB_cursor_op operation) {
  MDB_val value{};
  const int code = mdb_cursor_get(native_.get(), &key, &value, operation);
  if (code == MDB_NOTFOUND) return std::nullopt;
  if (code != MDB_SUCCESS) fail(code, "reading the graph");
  TableEntry entry{0, view_of(value)};
  std::memcpy(&entry.key, key.mv_data, sizeof(entry.key));
  return entry;
}

}  // namespace deriva::detail
