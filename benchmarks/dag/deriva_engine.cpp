#include <stdexcept>
#include <type_traits>
#include <utility>

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
    seen ^= key.bytes()[0];
    return true;
  }
  std::size_t count = 0;
  std::byte seen{};
};

// What a layout of the graph may or may not offer beside the contract.

template <class Options>
Options without_cache() {
  Options options;
  if constexpr (requires { options.lru_entries; }) options.lru_entries = 0;
  return options;
}

template <class Dag>
concept VisitsAll = requires(const Dag& dag, Counter& counter) {
  dag.for_each(counter);
};

template <class Dag>
void visit_all(const Dag& dag, const Address& last, Counter& counter) {
  if constexpr (VisitsAll<Dag>) {
    dag.for_each(counter).value();
  } else {
    dag.for_each_in_order(last, counter).value();
  }
}

template <class Dag>
void visit_transitive(const Dag& dag, const Address& key, Counter& counter) {
  if constexpr (requires { dag.for_each_transitive_dependent(key, counter); }) {
    dag.for_each_transitive_dependent(key, counter).value();
  } else {
    for (const Address& dependent : dag.transitive_dependents(key).value()) counter(dependent);
  }
}

template <class Dag>
std::size_t remove_all(Environment& environment, Dag& dag, std::span<const Address> keys) {
  if constexpr (requires { dag.remove_many(keys); }) {
    return dag.remove_many(keys).value();
  } else {
    return environment
        .write([&](deriva::WriteTransaction& transaction) -> deriva::Result<std::size_t> {
          std::size_t removed = 0;
          for (const Address& key : keys) {
            const deriva::Result<bool> one = dag.remove(transaction, key);
            if (!one) return one.error();
            removed += *one ? 1U : 0U;
          }
          return removed;
        })
        .value();
  }
}

template <class Dag>
std::optional<std::size_t> tail_of(const Dag& dag) {
  if constexpr (requires { dag.stats().value().tail; }) {
    return dag.stats().value().tail;
  } else {
    return std::nullopt;
  }
}

template <class Dag>
bool compact_graph(Dag& dag) {
  if constexpr (requires { dag.compact().value(); }) {
    dag.compact().value();
    return true;
  } else {
    return false;
  }
}

class DerivaEngine final : public Engine {
 public:
  DerivaEngine(const fs::path& directory, Commits commits)
      : environment_(open(directory, commits)),
        dag_(PersistentDag<>::open(environment_, without_cache<deriva::PersistentDagOptions>()).value()) {}

  void insert(std::span<const Entry> entries) override {
    std::size_t added = 0;
    if (entries.size() == 1) {
      added = dag_.insert(entries[0].first, entries[0].second).value() ? 1U : 0U;
    } else {
      added = dag_.insert_many(entries).value();
    }
    if (added != entries.size()) throw std::runtime_error("deriva: entries were there already");
    last_ = entries.back().first;
  }

  std::size_t inputs(const Address& key) override { return dag_.inputs(key).value().value().size(); }

  std::size_t dependents(const Address& key) override { return dag_.direct_dependents(key).value().size(); }

  std::size_t topological_order() override {
    Counter counter;
    visit_all(dag_, last_, counter);
    return counter.count;
  }

  [[nodiscard]] bool orders_all() const override { return VisitsAll<PersistentDag<>>; }

  std::size_t transitive_dependents(const Address& key) override {
    Counter counter;
    visit_transitive(dag_, key, counter);
    return counter.count;
  }

  void remove(std::span<const Address> keys) override {
    if (remove_all(environment_, dag_, keys) != keys.size()) throw std::runtime_error("deriva: entries were not there");
  }

  std::optional<std::size_t> tail() override { return tail_of(dag_); }
  bool compact() override { return compact_graph(dag_); }

 private:
  static Environment open(const fs::path& directory, Commits commits) {
    deriva::EnvironmentOptions options;
    options.durability = commits == Commits::durable ? deriva::Durability::sync : deriva::Durability::relaxed;
    return Environment::open(directory, options).value();
  }

  Environment environment_;
  PersistentDag<> dag_;
  Address last_;
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
