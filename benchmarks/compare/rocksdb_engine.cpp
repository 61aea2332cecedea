#include <stdexcept>
#include <string>

#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include "compare/engines.hpp"
#include "compare/keys.hpp"

namespace bench {
namespace {

using deriva::Address;
namespace fs = std::filesystem;

void check(const rocksdb::Status& status) {
  if (!status.ok()) throw std::runtime_error("rocksdb: " + status.ToString());
}

rocksdb::Slice to_slice(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const std::byte> to_bytes(const rocksdb::Slice& slice) {
  return std::as_bytes(std::span(slice.data(), slice.size()));
}

/// With what RocksDB recommends for point look-ups: Bloom filters and a block cache; 64 MiB of it, as SQLite has.
rocksdb::ColumnFamilyOptions family_options(const std::shared_ptr<rocksdb::Cache>& cache, bool by_prefix) {
  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.block_cache = cache;
  rocksdb::ColumnFamilyOptions options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  if (by_prefix) options.prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(Address::size_bytes));
  return options;
}

class RocksdbEngine final : public Engine {
 public:
  RocksdbEngine(const fs::path& directory, Commits commits) {
    const auto cache = rocksdb::NewLRUCache(std::size_t{64} << 20U);
    rocksdb::DBOptions options;
    options.create_if_missing = true;
    options.create_missing_column_families = true;
    options.IncreaseParallelism(2);
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* database = nullptr;
    check(rocksdb::DB::Open(options, directory.string(),
                            {{rocksdb::kDefaultColumnFamilyName, family_options(cache, false)},
                             {"dependents", family_options(cache, true)}},
                            &handles, &database));
    database_.reset(database);
    recipes_.reset(handles[0]);
    dependents_.reset(handles[1]);
    write_options_.sync = commits == Commits::durable;
  }

  void insert(std::span<const Entry> entries) override {
    rocksdb::WriteBatch batch;
    rocksdb::PinnableSlice value;
    for (const auto& [key, inputs] : entries) {
      if (find(key, value)) throw std::runtime_error("rocksdb: the entry was there already");
      check(batch.Put(recipes_.get(), to_slice(key.bytes()), to_slice(std::as_bytes(inputs))));
      for (const Address& input : inputs) {
        static_cast<void>(find(input, value));
        check(batch.Put(dependents_.get(), edge(input, key), {}));
      }
    }
    check(database_->Write(write_options_, &batch));
  }

  std::size_t inputs(const Address& key) override { return inputs_of(key).size(); }
  std::size_t dependents(const Address& key) override { return dependents_of(key).size(); }

  std::size_t topological_order() override {
    std::unordered_map<Address, std::vector<Address>> graph;
    const std::unique_ptr<rocksdb::Iterator> all(database_->NewIterator({}, recipes_.get()));
    for (all->SeekToFirst(); all->Valid(); all->Next()) {
      graph.emplace(to_address(to_bytes(all->key())), to_addresses(to_bytes(all->value())));
    }
    check(all->status());
    return order_keys(graph, [this](const Address& key) { return dependents_of(key); });
  }

  std::size_t transitive_dependents(const Address& key) override {
    return walk_keys(key, [this](const Address& at) { return dependents_of(at); });
  }

  void remove(std::span<const Address> keys) override {
    // A batch is not seen before it is written: what an earlier key of it depends on counts as removed.
    std::unordered_set<Address> removed;
    rocksdb::WriteBatch batch;
    for (const Address& key : keys) {
      for (const Address& dependent : dependents_of(key)) {
        if (!removed.contains(dependent)) throw std::runtime_error("rocksdb: cannot remove");
      }
      for (const Address& input : inputs_of(key)) check(batch.Delete(dependents_.get(), edge(input, key)));
      check(batch.Delete(recipes_.get(), to_slice(key.bytes())));
      removed.insert(key);
    }
    check(database_->Write(write_options_, &batch));
  }

  bool compact() override {
    check(database_->Flush({}, {recipes_.get(), dependents_.get()}));
    check(database_->CompactRange({}, recipes_.get(), nullptr, nullptr));
    check(database_->CompactRange({}, dependents_.get(), nullptr, nullptr));
    return true;
  }

 private:
  bool find(const Address& key, rocksdb::PinnableSlice& value) {
    value.Reset();
    const rocksdb::Status status = database_->Get({}, recipes_.get(), to_slice(key.bytes()), &value);
    if (!status.IsNotFound()) check(status);
    return status.ok();
  }

  static std::string edge(const Address& input, const Address& key) {
    std::string out(to_slice(input.bytes()).ToString());
    return out.append(to_slice(key.bytes()).data(), Address::size_bytes);
  }

  std::vector<Address> inputs_of(const Address& key) {
    rocksdb::PinnableSlice value;
    if (!find(key, value)) throw std::runtime_error("rocksdb: no such key");
    return to_addresses(to_bytes(value));
  }

  std::vector<Address> dependents_of(const Address& key) {
    rocksdb::ReadOptions options;
    options.prefix_same_as_start = true;
    const std::unique_ptr<rocksdb::Iterator> edges(database_->NewIterator(options, dependents_.get()));
    std::vector<Address> keys;
    for (edges->Seek(to_slice(key.bytes())); edges->Valid(); edges->Next()) {
      keys.push_back(to_address(to_bytes(edges->key()).subspan(Address::size_bytes)));
    }
    check(edges->status());
    return keys;
  }

  std::unique_ptr<rocksdb::DB> database_;
  std::unique_ptr<rocksdb::ColumnFamilyHandle> recipes_;
  std::unique_ptr<rocksdb::ColumnFamilyHandle> dependents_;
  rocksdb::WriteOptions write_options_;
};

}  // namespace

EngineKind rocksdb_engine() {
  const auto disk = [](const fs::path& directory) { return DiskUsage{bytes_in(directory), bytes_in(directory)}; };
  return {
      "RocksDB", true, true,
      [](const fs::path& directory, Commits commits) { return std::make_unique<RocksdbEngine>(directory, commits); },
      disk};
}

}  // namespace bench
