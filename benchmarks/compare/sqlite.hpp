#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>

#include <sqlite3.h>

#include <deriva/core/address.hpp>

#include "dag/engine.hpp"

namespace bench {

class SqliteDatabase;

/// A prepared statement. Bind, then step until there is no row; reset before the next use.
class SqliteStatement {
 public:
  SqliteStatement(sqlite3* database, const char* text) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v3(database, text, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK) {
      throw std::runtime_error(std::string("sqlite: ") + sqlite3_errmsg(database));
    }
    statement_.reset(statement);
  }

  /// Binds the bytes, which must live until the statement is reset.
  SqliteStatement& bind(int index, std::span<const std::byte> bytes) {
    check(sqlite3_bind_blob(get(), index, bytes.data(), static_cast<int>(bytes.size()), SQLITE_STATIC));
    return *this;
  }
  SqliteStatement& bind(int index, std::int64_t number) {
    check(sqlite3_bind_int64(get(), index, number));
    return *this;
  }

  /// Whether there is another row.
  bool step() {
    const int code = sqlite3_step(get());
    if (code != SQLITE_ROW && code != SQLITE_DONE) check(code);
    return code == SQLITE_ROW;
  }
  void reset() { sqlite3_reset(get()); }
  /// Runs it to its end and resets it; returns the number of rows.
  std::size_t run() {
    std::size_t rows = 0;
    while (step()) ++rows;
    reset();
    return rows;
  }

  [[nodiscard]] std::int64_t number(int column) { return sqlite3_column_int64(get(), column); }
  [[nodiscard]] std::span<const std::byte> bytes(int column) {
    const void* const data = sqlite3_column_blob(get(), column);
    return {static_cast<const std::byte*>(data), static_cast<std::size_t>(sqlite3_column_bytes(get(), column))};
  }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
  };
  [[nodiscard]] sqlite3_stmt* get() const noexcept { return statement_.get(); }
  void check(int code) const {
    if (code != SQLITE_OK) {
      throw std::runtime_error(std::string("sqlite: ") + sqlite3_errmsg(sqlite3_db_handle(get())));
    }
  }

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// A database with a write-ahead log, which is how SQLite commits fastest, and a page cache of 64 MiB.
class SqliteDatabase {
 public:
  SqliteDatabase(const std::filesystem::path& directory, Commits commits, const char* schema) {
    sqlite3* database = nullptr;
    const int code = sqlite3_open((directory / "graph.sqlite").c_str(), &database);
    database_.reset(database);
    if (code != SQLITE_OK) throw std::runtime_error("sqlite: cannot open " + directory.string());
    execute("PRAGMA journal_mode=WAL; PRAGMA cache_size=-65536; PRAGMA mmap_size=4294967296");
    execute(commits == Commits::durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
    execute(schema);
  }

  [[nodiscard]] sqlite3* get() const noexcept { return database_.get(); }
  [[nodiscard]] SqliteStatement prepare(const char* text) const { return {get(), text}; }
  void execute(const char* statements) const {
    char* message = nullptr;
    if (sqlite3_exec(get(), statements, nullptr, nullptr, &message) == SQLITE_OK) return;
    const std::string text = message != nullptr ? message : "unknown";
    sqlite3_free(message);
    throw std::runtime_error("sqlite: " + text);
  }

 private:
  struct Close {
    void operator()(sqlite3* database) const noexcept { sqlite3_close_v2(database); }
  };
  std::unique_ptr<sqlite3, Close> database_;
};

/// The file, with what is still in the write-ahead log, and without free pages.
[[nodiscard]] DiskUsage sqlite_disk(const std::filesystem::path& directory);

}  // namespace bench
