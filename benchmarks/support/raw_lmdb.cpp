#include "support/raw_lmdb.hpp"

#include <stdexcept>
#include <string>

#include <lmdb.h>

namespace bench {
namespace {

constexpr std::size_t map_bytes = std::size_t{64} << 30U;

void check(int code, const char* what) {
  if (code != MDB_SUCCESS) throw std::runtime_error(std::string(what) + ": " + mdb_strerror(code));
}

MDB_val to_val(deriva::BytesView bytes) { return {bytes.size(), const_cast<std::byte*>(bytes.data())}; }

MDB_env* open_environment(const std::filesystem::path& directory, unsigned int flags) {
  MDB_env* environment = nullptr;
  check(mdb_env_create(&environment), "mdb_env_create");
  check(mdb_env_set_mapsize(environment, map_bytes), "mdb_env_set_mapsize");
  check(mdb_env_set_maxdbs(environment, 64), "mdb_env_set_maxdbs");
  check(mdb_env_open(environment, directory.c_str(), flags | MDB_NOTLS, 0600), "mdb_env_open");
  return environment;
}

std::uint64_t pages_of(const MDB_stat& stat) {
  return stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
}

/// Pages of the unnamed table and of all that it names; a table of plain values has no named ones.
std::uint64_t pages_in_use(MDB_txn* transaction) {
  MDB_dbi root = 0;
  check(mdb_dbi_open(transaction, nullptr, 0, &root), "mdb_dbi_open");
  MDB_stat stat{};
  check(mdb_stat(transaction, root, &stat), "mdb_stat");
  std::uint64_t pages = pages_of(stat);
  MDB_cursor* cursor = nullptr;
  check(mdb_cursor_open(transaction, root, &cursor), "mdb_cursor_open");
  MDB_val key{};
  std::size_t names = 0;
  while (mdb_cursor_get(cursor, &key, nullptr, MDB_NEXT) == MDB_SUCCESS && ++names <= 64) {
    const std::string name(static_cast<const char*>(key.mv_data), key.mv_size);
    MDB_dbi table = 0;
    if (mdb_dbi_open(transaction, name.c_str(), 0, &table) != MDB_SUCCESS) continue;
    check(mdb_stat(transaction, table, &stat), "mdb_stat");
    pages += pages_of(stat);
  }
  mdb_cursor_close(cursor);
  return pages;
}

}  // namespace

RawLmdb::RawLmdb(const std::filesystem::path& directory, Flush flush)
    : environment_(open_environment(directory, flush == Flush::all ? 0 : MDB_NOMETASYNC)) {
  check(mdb_txn_begin(environment_, nullptr, MDB_RDONLY, &reader_), "mdb_txn_begin");
  check(mdb_dbi_open(reader_, nullptr, 0, &table_), "mdb_dbi_open");  // the unnamed table: open for good
  mdb_txn_reset(reader_);
}

RawLmdb::~RawLmdb() {
  mdb_txn_abort(reader_);
  mdb_env_close(environment_);
}

void RawLmdb::put(std::span<const Item> items) {
  MDB_txn* transaction = nullptr;
  check(mdb_txn_begin(environment_, nullptr, 0, &transaction), "mdb_txn_begin");
  for (const auto& [key, value] : items) {
    MDB_val stored_key = to_val(key);
    MDB_val stored_value = to_val(value);
    check(mdb_put(transaction, table_, &stored_key, &stored_value, 0), "mdb_put");
  }
  check(mdb_txn_commit(transaction), "mdb_txn_commit");
}

std::size_t RawLmdb::erase(std::span<const deriva::BytesView> keys) {
  MDB_txn* transaction = nullptr;
  check(mdb_txn_begin(environment_, nullptr, 0, &transaction), "mdb_txn_begin");
  std::size_t erased = 0;
  for (const deriva::BytesView key : keys) {
    MDB_val stored_key = to_val(key);
    const int code = mdb_del(transaction, table_, &stored_key, nullptr);
    if (code != MDB_NOTFOUND) check(code, "mdb_del");
    erased += code == MDB_SUCCESS ? 1U : 0U;
  }
  check(mdb_txn_commit(transaction), "mdb_txn_commit");
  return erased;
}

std::optional<deriva::BytesView> RawLmdb::begin_get(deriva::BytesView key) {
  check(mdb_txn_renew(reader_), "mdb_txn_renew");
  MDB_val stored_key = to_val(key);
  MDB_val value{};
  const int code = mdb_get(reader_, table_, &stored_key, &value);
  if (code == MDB_NOTFOUND) return std::nullopt;
  check(code, "mdb_get");
  return deriva::BytesView(static_cast<const std::byte*>(value.mv_data), value.mv_size);
}

void RawLmdb::end_get() { mdb_txn_reset(reader_); }

LmdbUsage lmdb_usage(const std::filesystem::path& directory) {
  MDB_env* const environment = open_environment(directory, MDB_RDONLY);
  MDB_stat stat{};
  check(mdb_env_stat(environment, &stat), "mdb_env_stat");
  MDB_txn* transaction = nullptr;
  check(mdb_txn_begin(environment, nullptr, MDB_RDONLY, &transaction), "mdb_txn_begin");
  const LmdbUsage usage{std::filesystem::file_size(directory / "data.mdb"), pages_in_use(transaction) * stat.ms_psize};
  mdb_txn_abort(transaction);
  mdb_env_close(environment);
  return usage;
}

}  // namespace bench
