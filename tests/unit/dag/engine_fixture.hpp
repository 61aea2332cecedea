#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <deriva/dag/detail/graph_engine.hpp>

#include "dag/writer.hpp"
#include "storage/environment_impl.hpp"
#include "unit/dag/persistent_fixture.hpp"

namespace deriva::test {

using detail::EntryBytes;
using detail::GraphEngine;
using detail::GraphSnapshot;
using detail::graph::Id;
using detail::graph::Part;
using detail::graph::Writer;

struct Entry {
  std::uint64_t key;
  std::vector<std::uint64_t> inputs;
  std::string payload;
};

/// A graph with payloads and records in a directory of its own.
class EngineFixture {
 public:
  explicit EngineFixture(std::uint32_t key_size = 8, std::uint32_t tail_nodes = 2'048)
      : key_size_(key_size), tail_nodes_(tail_nodes) {
    reopen();
  }

  void reopen() {
    engine.reset();
    environment.reset();
    environment.emplace(open_environment(directory));
    engine = open();
  }
  /// Another handle, which remembers nothing of what this one has done: to it, this one is another process.
  std::shared_ptr<GraphEngine> open() {
    return GraphEngine::open(*environment, {"dag.", key_size_, tail_nodes_}).value();
  }

  std::string key(std::uint64_t n) const {
    std::string bytes(key_size_, '\0');
    for (std::size_t at = 0; at < key_size_; at += 8) std::memcpy(bytes.data() + at, &(n += 0x9e3779b97f4a7c15U), 8);
    return bytes;
  }

  Result<std::size_t> insert(WriteTransaction& transaction, const std::vector<Entry>& entries) {
    std::string name;
    std::string inputs;
    std::size_t at = 0;
    auto next = [&](EntryBytes& out) {
      if (at == entries.size()) return false;
      name = key(entries[at].key);
      inputs.clear();
      for (const std::uint64_t input : entries[at].inputs) inputs += key(input);
      out = {as_bytes(name), as_bytes(inputs), as_bytes(entries[at].payload)};
      ++at;
      return true;
    };
    return engine->insert_many(transaction, next);
  }
  std::size_t insert(const std::vector<Entry>& entries) {
    return environment->write([&](WriteTransaction& transaction) { return insert(transaction, entries); }).value();
  }
  template <class Change>
  void change(Change change) {
    auto operation = [&](Writer& writer) -> Result<void> { return change(writer), Result<void>(); };
    REQUIRE(environment->write([&](WriteTransaction& transaction) { return engine->change(transaction, operation); })
                .has_value());
  }
  void put_record(std::uint64_t n, std::string_view record) {
    change([&](Writer& writer) { writer.put_record(writer.find_or_add(as_bytes(key(n))), as_bytes(record)); });
  }
  bool remove(std::uint64_t n, bool forced = false) {
    return environment->write([&](WriteTransaction& t) { return engine->remove(t, as_bytes(key(n)), forced); }).value();
  }
  void compact() {
    REQUIRE(environment->write([&](WriteTransaction& t) { return engine->compact(t); }).has_value());
  }

  template <class Read>
  void read(GraphEngine& from, Read read) {
    auto operation = [&](GraphSnapshot& snapshot) { read(snapshot); };
    const auto in_transaction = [&](const ReadTransaction& t) { return from.read(t, operation); };
    REQUIRE(environment->read(in_transaction).has_value());
  }
  std::string payload(std::uint64_t n) {
    return bytes(n, [](detail::graph::GraphView& view, Id id) { return view.payload(id); });
  }
  std::string record(std::uint64_t n) {
    return bytes(n, [](detail::graph::GraphView& view, Id id) { return view.record(id); });
  }
  Result<void> check() {
    Result<void> checked;
    read(*engine, [&](GraphSnapshot& snapshot) { checked = snapshot.check(); });
    return checked;
  }
  /// Changes a table behind the graph's back.
  template <class Change>
  void tamper(const char* table, Change change) {
    const MDB_dbi handle = environment->impl().table(table, MDB_INTEGERKEY, 0).value();
    REQUIRE(environment->write([&](WriteTransaction& transaction) -> Result<void> {
      transaction.count_change();
      change(transaction, handle);
      return {};
    }));
    reopen();
  }

  /// Puts a value that is sealed as the graph's own are.
  void forge(const char* table, std::uint64_t key, detail::graph::Part part, std::uint32_t number,
             std::string_view contents) {
    detail::graph::Seal seal{};
    read(*engine, [&](GraphSnapshot& snapshot) { seal = snapshot.view().state().seal(part, number); });
    tamper(table, [&](WriteTransaction& transaction, MDB_dbi handle) {
      detail::graph::put_sealed(transaction, handle, key, seal, as_bytes(contents));
    });
  }

  GraphDirectory directory;
  std::optional<Environment> environment;
  std::shared_ptr<GraphEngine> engine;

 private:
  template <class Ask>
  std::string bytes(std::uint64_t n, Ask ask) {
    std::string out;
    read(*engine, [&](GraphSnapshot& snapshot) {
      const std::optional<Id> id = snapshot.view().find(as_bytes(key(n)));
      out = id ? std::string(as_text(ask(snapshot.view(), *id))) : "unknown";
    });
    return out;
  }

  std::uint32_t key_size_;
  std::uint32_t tail_nodes_;
};

}  // namespace deriva::test
