#include <deriva/storage/table.hpp>

#include <memory>

#include <fmt/format.h>
#include <lmdb.h>

#include "storage/environment_impl.hpp"
#include "storage/lmdb_error.hpp"

namespace deriva::detail {
namespace {

MDB_val to_lmdb(BytesView bytes) { return {bytes.size(), const_cast<std::byte*>(bytes.data())}; }
BytesView from_lmdb(const MDB_val& value) { return {static_cast<const std::byte*>(value.mv_data), value.mv_size}; }

Result<void> check_key(BytesView key) {
  if (!key.empty() && key.size() <= longest_key) return {};
  return Error(Errc::invalid_argument, fmt::format("a key has 1 to {} bytes, not {}", longest_key, key.size()));
}

Error read_failed(int code) { return lmdb_error(code, "reading a table"); }

Error change_failed(WriteTransaction& transaction, int code) {
  if (!leaves_transaction_usable(code)) transaction.count_fault(code);
  return lmdb_error(code, "changing a table");
}

struct CloseCursor {
  void operator()(MDB_cursor* cursor) const noexcept { mdb_cursor_close(cursor); }
};
using Cursor = std::unique_ptr<MDB_cursor, CloseCursor>;

Result<Cursor> open_cursor(const ReadTransaction& transaction, MDB_dbi handle) {
  MDB_cursor* cursor = nullptr;
  if (const int failed = mdb_cursor_open(transaction.native(), handle, &cursor)) return read_failed(failed);
  return Cursor(cursor);
}

}  // namespace

Result<void> check_stored_size(std::size_t stored, std::size_t expected) {
  if (stored == expected) return {};
  return Error(Errc::corrupted, fmt::format("an entry of a table has {} bytes instead of {}", stored, expected));
}

Result<RawTable> RawTable::open_map(Environment& environment, std::string_view name) {
  const Result<MDB_dbi> handle = environment.impl().table(name, 0, 0);
  if (!handle) return handle.error();
  return RawTable(*handle, false);
}

Result<RawTable> RawTable::open_set(Environment& environment, std::string_view name, std::size_t value_size) {
  const Result<MDB_dbi> handle = environment.impl().table(name, Environment::Impl::set_flags, value_size);
  if (!handle) return handle.error();
  return RawTable(*handle, true);
}

Result<std::optional<BytesView>> RawTable::get(const ReadTransaction& transaction, BytesView key) const {
  if (auto valid = check_key(key); !valid) return valid.error();
  MDB_val name = to_lmdb(key);
  MDB_val value{};
  const int failed = mdb_get(transaction.native(), handle_, &name, &value);
  if (failed == MDB_NOTFOUND) return std::optional<BytesView>();
  if (failed != 0) return read_failed(failed);
  return std::optional<BytesView>(from_lmdb(value));
}

Result<bool> RawTable::contains(const ReadTransaction& transaction, BytesView key, BytesView value) const {
  const Result<Cursor> cursor = open_cursor(transaction, handle_);
  if (!cursor) return cursor.error();
  MDB_val name = to_lmdb(key);
  MDB_val data = to_lmdb(value);
  const int failed = mdb_cursor_get(cursor->get(), &name, &data, MDB_GET_BOTH);
  if (failed == MDB_NOTFOUND) return false;
  if (failed != 0) return read_failed(failed);
  return true;
}

Result<bool> RawTable::put_new(WriteTransaction& transaction, BytesView key, BytesView value,
                               unsigned int flags) const {
  if (auto valid = check_key(key); !valid) return valid.error();
  MDB_val name = to_lmdb(key);
  MDB_val data = to_lmdb(value);
  const int failed = mdb_put(transaction.native(), handle_, &name, &data, flags);
  if (failed == MDB_KEYEXIST) return false;
  if (failed != 0) return change_failed(transaction, failed);
  transaction.count_change();
  return true;
}

Result<void> RawTable::put(WriteTransaction& transaction, BytesView key, BytesView value) const {
  if (auto done = put_new(transaction, key, value, 0); !done) return done.error();
  return {};
}

Result<bool> RawTable::insert(WriteTransaction& transaction, BytesView key, BytesView value) const {
  return put_new(transaction, key, value, is_set_ ? MDB_NODUPDATA : MDB_NOOVERWRITE);
}

Result<bool> RawTable::remove(WriteTransaction& transaction, BytesView key, const BytesView* value) const {
  if (auto valid = check_key(key); !valid) return valid.error();
  MDB_val name = to_lmdb(key);
  MDB_val data = value != nullptr ? to_lmdb(*value) : MDB_val{};
  const int failed = mdb_del(transaction.native(), handle_, &name, value != nullptr ? &data : nullptr);
  if (failed == MDB_NOTFOUND) return false;
  if (failed != 0) return change_failed(transaction, failed);
  transaction.count_change();
  return true;
}

Result<bool> RawTable::erase(WriteTransaction& transaction, BytesView key) const {
  return remove(transaction, key, nullptr);
}

Result<bool> RawTable::erase(WriteTransaction& transaction, BytesView key, BytesView value) const {
  return remove(transaction, key, &value);
}

Result<std::uint64_t> RawTable::count(const ReadTransaction& transaction, BytesView key) const {
  const Result<Cursor> cursor = open_cursor(transaction, handle_);
  if (!cursor) return cursor.error();
  MDB_val name = to_lmdb(key);
  MDB_val data{};
  int failed = mdb_cursor_get(cursor->get(), &name, &data, MDB_SET);
  if (failed == MDB_NOTFOUND) return std::uint64_t{0};
  std::size_t values = 0;
  if (failed == 0) failed = mdb_cursor_count(cursor->get(), &values);
  if (failed != 0) return read_failed(failed);
  return std::uint64_t{values};
}

Result<void> RawTable::for_each(const ReadTransaction& transaction, BytesView from, Visitor visitor) const {
  const Result<Cursor> cursor = open_cursor(transaction, handle_);
  if (!cursor) return cursor.error();
  MDB_val key = to_lmdb(from);
  MDB_val value{};
  int failed = mdb_cursor_get(cursor->get(), &key, &value, from.empty() ? MDB_FIRST : MDB_SET_RANGE);
  while (failed == 0) {
    if (!visitor(from_lmdb(key), from_lmdb(value))) return {};
    failed = mdb_cursor_get(cursor->get(), &key, &value, MDB_NEXT);
  }
  if (failed != MDB_NOTFOUND) return read_failed(failed);
  return {};
}

Result<void> RawTable::for_each_value(const ReadTransaction& transaction, BytesView key, PackedVisitor visitor) const {
  const Result<Cursor> cursor = open_cursor(transaction, handle_);
  if (!cursor) return cursor.error();
  MDB_val name = to_lmdb(key);
  MDB_val values{};
  int failed = mdb_cursor_get(cursor->get(), &name, &values, MDB_SET);
  // From the first value on, GET_MULTIPLE gives the whole first page; it leaves the value of MDB_SET if that is the
  // only one.
  if (failed == 0) failed = mdb_cursor_get(cursor->get(), &name, &values, MDB_GET_MULTIPLE);
  while (failed == 0) {
    if (!visitor(from_lmdb(values))) return {};
    failed = mdb_cursor_get(cursor->get(), &name, &values, MDB_NEXT_MULTIPLE);
  }
  if (failed != MDB_NOTFOUND) return read_failed(failed);
  return {};
}

Result<std::uint64_t> RawTable::size(const ReadTransaction& transaction) const {
  MDB_stat stat{};
  if (const int failed = mdb_stat(transaction.native(), handle_, &stat)) return read_failed(failed);
  return std::uint64_t{stat.ms_entries};
}

}  // namespace deriva::detail
