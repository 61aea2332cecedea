#include "compare/engines.hpp"
#include "compare/keys.hpp"
#include "compare/sqlite.hpp"

namespace bench {
namespace {

using deriva::Address;
namespace fs = std::filesystem;

constexpr const char* schema =
    "CREATE TABLE IF NOT EXISTS recipe(key BLOB PRIMARY KEY, inputs BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS dependent(input BLOB, key BLOB, PRIMARY KEY(input, key)) WITHOUT ROWID";

class SqliteBlobEngine final : public Engine {
 public:
  SqliteBlobEngine(const fs::path& directory, Commits commits) : database_(directory, commits, schema) {}

  void insert(std::span<const Entry> entries) override {
    database_.execute("BEGIN IMMEDIATE");
    for (const auto& [key, inputs] : entries) {
      if (known_.bind(1, key.bytes()).run() != 0) throw std::runtime_error("sqlite: the entry was there already");
      for (const Address& input : inputs) known_.bind(1, input.bytes()).run();
      add_.bind(1, key.bytes()).bind(2, std::as_bytes(inputs)).run();
      for (const Address& input : inputs) add_dependent_.bind(1, input.bytes()).bind(2, key.bytes()).run();
    }
    database_.execute("COMMIT");
  }

  std::size_t inputs(const Address& key) override { return inputs_of(key).size(); }
  std::size_t dependents(const Address& key) override { return dependents_of(key).size(); }

  std::size_t topological_order() override {
    std::unordered_map<Address, std::vector<Address>> graph;
    while (all_.step()) graph.emplace(to_address(all_.bytes(0)), to_addresses(all_.bytes(1)));
    all_.reset();
    return order_keys(graph, [this](const Address& key) { return dependents_of(key); });
  }

  std::size_t transitive_dependents(const Address& key) override {
    return walk_keys(key, [this](const Address& at) { return dependents_of(at); });
  }

  void remove(std::span<const Address> keys) override {
    database_.execute("BEGIN IMMEDIATE");
    for (const Address& key : keys) {
      if (dependents_.bind(1, key.bytes()).run() != 0) throw std::runtime_error("sqlite: cannot remove");
      for (const Address& input : inputs_of(key)) remove_dependent_.bind(1, input.bytes()).bind(2, key.bytes()).run();
      remove_.bind(1, key.bytes()).run();
    }
    database_.execute("COMMIT");
  }

  bool compact() override {
    database_.execute("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)");
    return true;
  }

 private:
  std::vector<Address> inputs_of(const Address& key) {
    if (!inputs_.bind(1, key.bytes()).step()) throw std::runtime_error("sqlite: no such key");
    std::vector<Address> keys = to_addresses(inputs_.bytes(0));
    inputs_.reset();
    return keys;
  }

  std::vector<Address> dependents_of(const Address& key) {
    dependents_.bind(1, key.bytes());
    std::vector<Address> keys;
    while (dependents_.step()) keys.push_back(to_address(dependents_.bytes(0)));
    dependents_.reset();
    return keys;
  }

  SqliteDatabase database_;
  SqliteStatement known_ = database_.prepare("SELECT 1 FROM recipe WHERE key=?");
  SqliteStatement add_ = database_.prepare("INSERT INTO recipe VALUES(?, ?)");
  SqliteStatement add_dependent_ = database_.prepare("INSERT INTO dependent VALUES(?, ?)");
  SqliteStatement inputs_ = database_.prepare("SELECT inputs FROM recipe WHERE key=?");
  SqliteStatement dependents_ = database_.prepare("SELECT key FROM dependent WHERE input=?");
  SqliteStatement all_ = database_.prepare("SELECT key, inputs FROM recipe");
  SqliteStatement remove_ = database_.prepare("DELETE FROM recipe WHERE key=?");
  SqliteStatement remove_dependent_ = database_.prepare("DELETE FROM dependent WHERE input=? AND key=?");
};

}  // namespace

EngineKind sqlite_blob_engine() {
  return {
      "SQLite blobs", true, true,
      [](const fs::path& directory, Commits commits) { return std::make_unique<SqliteBlobEngine>(directory, commits); },
      sqlite_disk};
}

}  // namespace bench
