#include <algorithm>
#include <array>
#include <stdexcept>

#include "compare/engines.hpp"
#include "compare/sqlite.hpp"

namespace bench {
namespace {

using deriva::Address;
namespace fs = std::filesystem;

// Ids ascend in the order of insertion, inputs first, so that their order is a topological one.
constexpr const char* schema =
    "CREATE TABLE IF NOT EXISTS node(id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, recipe INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS edge(node INTEGER, position INTEGER, input INTEGER, PRIMARY KEY(node, position))"
    " WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS dependent ON edge(input, node)";

class SqliteInternedEngine final : public Engine {
 public:
  SqliteInternedEngine(const fs::path& directory, Commits commits) : database_(directory, commits, schema) {}

  void insert(std::span<const Entry> entries) override {
    database_.execute("BEGIN IMMEDIATE");
    for (const auto& [key, inputs] : entries) insert_one(key, inputs);
    database_.execute("COMMIT");
  }

  std::size_t inputs(const Address& key) override { return list(inputs_, key); }
  std::size_t dependents(const Address& key) override { return list(dependents_, key); }

  std::size_t topological_order() override {
    std::size_t count = 0;
    while (order_.step()) {
      seen_ ^= order_.bytes(0)[0];
      ++count;
    }
    order_.reset();
    return count;
  }

  std::size_t transitive_dependents(const Address& key) override {
    walk_.bind(1, key.bytes());
    std::size_t count = 0;
    while (walk_.step()) {
      seen_ ^= walk_.bytes(0)[0];
      ++count;
    }
    walk_.reset();
    return count - 1;
  }

  void remove(std::span<const Address> keys) override {
    database_.execute("BEGIN IMMEDIATE");
    for (const Address& key : keys) {
      const std::int64_t id = find(key);
      if (id == 0 || has_dependents_.bind(1, id).run() != 0) throw std::runtime_error("sqlite: cannot remove");
      remove_edges_.bind(1, id).run();
      remove_node_.bind(1, id).run();
    }
    database_.execute("COMMIT");
  }

  bool compact() override {
    database_.execute("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)");
    return true;
  }

 private:
  void insert_one(const Address& key, std::span<const Address> inputs) {
    input_ids_.clear();
    for (const Address& input : inputs) {
      const std::int64_t known = find(input);
      input_ids_.push_back(known != 0 ? known : add_node(input, 0));
    }
    if (find(key) != 0) throw std::runtime_error("sqlite: the entry was there already");
    const std::int64_t id = add_node(key, 1);
    for (std::size_t i = 0; i < input_ids_.size(); ++i) {
      add_edge_.bind(1, id).bind(2, static_cast<std::int64_t>(i)).bind(3, input_ids_[i]).run();
    }
  }

  /// 0: not there.
  std::int64_t find(const Address& key) {
    const std::int64_t id = find_.bind(1, key.bytes()).step() ? find_.number(0) : 0;
    find_.reset();
    return id;
  }

  std::int64_t add_node(const Address& key, std::int64_t recipe) {
    add_node_.bind(1, key.bytes()).bind(2, recipe).run();
    return sqlite3_last_insert_rowid(database_.get());
  }

  std::size_t list(SqliteStatement& statement, const Address& key) {
    statement.bind(1, key.bytes());
    std::vector<Address> keys;
    while (statement.step()) {
      std::array<std::byte, Address::size_bytes> bytes{};
      std::copy_n(statement.bytes(0).begin(), bytes.size(), bytes.begin());
      keys.emplace_back(bytes);
    }
    statement.reset();
    return keys.size();
  }

  SqliteDatabase database_;
  SqliteStatement find_ = database_.prepare("SELECT id FROM node WHERE key=?");
  SqliteStatement add_node_ = database_.prepare("INSERT INTO node(key, recipe) VALUES(?, ?)");
  SqliteStatement add_edge_ = database_.prepare("INSERT INTO edge VALUES(?, ?, ?)");
  SqliteStatement inputs_ = database_.prepare(
      "SELECT n.key FROM node t JOIN edge e ON e.node=t.id JOIN node n ON n.id=e.input WHERE t.key=? ORDER BY "
      "e.position");
  SqliteStatement dependents_ = database_.prepare(
      "SELECT n.key FROM node t JOIN edge e ON e.input=t.id JOIN node n ON n.id=e.node WHERE t.key=?");
  SqliteStatement order_ = database_.prepare("SELECT key FROM node WHERE recipe ORDER BY id");
  SqliteStatement walk_ = database_.prepare(
      "WITH RECURSIVE found(id) AS (SELECT id FROM node WHERE key=? UNION SELECT e.node FROM found f JOIN edge e ON "
      "e.input=f.id) SELECT n.key FROM found f JOIN node n ON n.id=f.id");
  SqliteStatement has_dependents_ = database_.prepare("SELECT 1 FROM edge WHERE input=? LIMIT 1");
  SqliteStatement remove_edges_ = database_.prepare("DELETE FROM edge WHERE node=?");
  SqliteStatement remove_node_ = database_.prepare("DELETE FROM node WHERE id=?");
  std::vector<std::int64_t> input_ids_;
  std::byte seen_{};
};

}  // namespace

DiskUsage sqlite_disk(const fs::path& directory) {
  SqliteDatabase database(directory, Commits::relaxed, "PRAGMA wal_checkpoint(TRUNCATE)");
  const auto pragma = [&](const char* text) {
    SqliteStatement statement = database.prepare(text);
    statement.step();
    return static_cast<double>(statement.number(0));
  };
  const double page = pragma("PRAGMA page_size");
  const double pages = pragma("PRAGMA page_count");
  return {pages * page, (pages - pragma("PRAGMA freelist_count")) * page};
}

EngineKind sqlite_interned_engine() {
  return {"SQLite interned", true, true,
          [](const fs::path& directory, Commits commits) {
            return std::make_unique<SqliteInternedEngine>(directory, commits);
          },
          sqlite_disk};
}

}  // namespace bench
