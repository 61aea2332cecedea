#include <cstdint>
#include <cstring>
#include <stdexcept>

#include <deriva/dag/persistent_dag.hpp>
#include <deriva/storage/environment.hpp>

#include "dag/engine.hpp"
#include "support/raw_lmdb.hpp"

namespace bench {
namespace {

using deriva::Address;
using deriva::Environment;
using deriva::PersistentDag;
namespace fs = std::filesystem;

/// Looks at every key that it is shown, so that none is left out as unused.
struct Counter {
  bool operator()(const Address& key) {
    ++count;
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, key.bytes().data(), sizeof(bytes));
    seen ^= bytes;
    return true;
  }
  std::size_t count = 0;
  std::uint64_t seen = 0;
};

class DerivaEngine final : public Engine {
 public:
  DerivaEngine(const fs::path& directory, Commits commits)
      : environment_(open(directory, commits)), dag_(PersistentDag<>::open(environment_, without_lists()).value()) {}

  void insert(std::span<const Entry> entries) override {
    std::size_t added = 0;
    if (entries.size() == 1) {
      added = dag_.insert(entries[0].first, entries[0].second).value() ? 1U : 0U;
    } else {
      added = dag_.insert_many(entries).value();
    }
    if (added != entries.size()) throw std::runtime_error("deriva: entries were there already");
  }

  std::size_t inputs(const Address& key) override { return dag_.inputs(key).value().value().size(); }

  std::size_t dependents(const Address& key) override { return dag_.direct_dependents(key).value().size(); }

  std::size_t topological_order() override {
    Counter counter;
    dag_.for_each(counter).value();
    return counter.count;
  }

  std::size_t transitive_dependents(const Address& key) override {
    Counter counter;
    dag_.for_each_transitive_dependent(key, counter).value();
    return counter.count;
  }

  void remove(std::span<const Address> keys) override {
    if (dag_.remove_many(keys).value() != keys.size()) throw std::runtime_error("deriva: entries were not there");
  }

  std::optional<std::size_t> tail() override { return dag_.stats().value().tail; }
  bool compact() override { return dag_.compact().has_value(); }

 private:
  static Environment open(const fs::path& directory, Commits commits) {
    deriva::EnvironmentOptions options;
    options.durability = commits == Commits::durable ? deriva::Durability::sync : deriva::Durability::relaxed;
    return Environment::open(directory, options).value();
  }
  static deriva::PersistentDagOptions without_lists() {
    deriva::PersistentDagOptions options;
    options.lru_entries = 0;
    return options;
  }

  Environment environment_;
  PersistentDag<> dag_;
};

class RawEngine final : public Engine {
 public:
  RawEngine(const fs::path& directory, Commits commits)
      : lmdb_(directory, commits == Commits::durable ? RawLmdb::Flush::all : RawLmdb::Flush::data) {}

  void insert(std::span<const Entry> entries) override {
    items_.clear();
    for (const auto& [key, inputs] : entries) items_.emplace_back(key.bytes(), std::as_bytes(inputs));
    lmdb_.put(items_);
  }

  std::size_t inputs(const Address& key) override {
    std::vector<Address> inputs;
    const bool found = lmdb_.get(key.bytes(), [&](deriva::BytesView value) {
      inputs.resize(value.size() / sizeof(Address));
      std::copy(value.begin(), value.end(), std::as_writable_bytes(std::span(inputs)).begin());
    });
    if (!found) throw std::runtime_error("raw LMDB: no such key");
    return inputs.size();
  }

  void remove(std::span<const Address> keys) override {
    std::vector<deriva::BytesView> views;
    for (const Address& key : keys) views.emplace_back(key.bytes());
    if (lmdb_.erase(views) != keys.size()) throw std::runtime_error("raw LMDB: entries were not there");
  }

 private:
  RawLmdb lmdb_;
  std::vector<RawLmdb::Item> items_;
};

DiskUsage lmdb_disk(const fs::path& directory) {
  const LmdbUsage usage = lmdb_usage(directory);
  return {static_cast<double>(usage.file), static_cast<double>(usage.live)};
}

template <class Type>
auto opener() {
  return [](const fs::path& directory, Commits commits) -> std::unique_ptr<Engine> {
    return std::make_unique<Type>(directory, commits);
  };
}

}  // namespace

EngineKind deriva_engine() { return {"deriva", true, true, opener<DerivaEngine>(), lmdb_disk}; }

EngineKind raw_lmdb_engine() { return {"raw LMDB", true, false, opener<RawEngine>(), lmdb_disk}; }

}  // namespace bench
