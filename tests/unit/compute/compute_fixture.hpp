#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <latch>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <stdlib.h>  // mkdtemp is POSIX, not std

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>

#include <deriva/compute/executor.hpp>
#include <deriva/compute/function_registry.hpp>
#include <deriva/compute/sync_executor.hpp>
#include <deriva/core/observer_hub.hpp>
#include <deriva/dag/persistent_dag.hpp>
#include <deriva/storage/environment.hpp>
#include <deriva/storage/table.hpp>
#include <deriva/store/store.hpp>

#include "support/catch.hpp"

namespace deriva::test {

/// A directory of its own, removed at the end; in memory if there is room, where a flush costs nothing.
class StoreDirectory {
 public:
  explicit StoreDirectory(std::uintmax_t room) {
    std::error_code missing;
    const std::filesystem::path memory = "/dev/shm";
    const std::filesystem::space_info space = std::filesystem::space(memory, missing);
    const bool use_memory = !missing && space.available >= room;
    const std::filesystem::path parent = use_memory ? memory : std::filesystem::temp_directory_path();
    std::string pattern = (parent / "deriva-compute-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  StoreDirectory(const StoreDirectory&) = delete;
  StoreDirectory& operator=(const StoreDirectory&) = delete;
  ~StoreDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Holds a function up until the test lets it go on.
struct HoldUp {
  /// By the function.
  void pass() {
    inside.count_down();
    may_end.wait();
  }
  std::latch inside{1};
  std::latch may_end{1};
};

/// A store in a directory of its own, a registry that counts what runs, and short ways to describe computations.
class ComputeFixture {
 public:
  explicit ComputeFixture(std::uintmax_t room = std::uintmax_t{256} << 20U) : directory(room) {
    add("id", [](std::span<const Blob> inputs, const Params&) { return inputs[0]; });
    add("concat", [](std::span<const Blob> inputs, const Params& params) {
      std::string text = params.contains("prefix") ? std::get<std::string>(params.at("prefix")) : std::string();
      for (const Blob& input : inputs) text += as_text(input);
      return Blob::adopt(std::move(text));
    });
  }

  template <PlainFunction Callable>
  void add(const std::string& name, Callable callable) {
    std::atomic<int>& runs = runs_[name];
    registry.add({name, "1"}, [&runs, callable](std::span<const Blob> inputs, const Params& params) -> Result<Blob> {
      ++runs;
      return callable(inputs, params);
    });
  }
  template <CoroutineFunction Callable>
  void add_async(const std::string& name, Callable callable) {
    std::atomic<int>& runs = runs_[name];
    registry.add_async({name, "1"}, [&runs, callable](std::vector<Blob> inputs, Params params, Context& context) {
      ++runs;
      return callable(std::move(inputs), std::move(params), context);
    });
  }
  /// For an engine; it uses the registry of this.
  detail::Resolver resolver() {
    return [this](const FunctionId& id) { return registry.find(id); };
  }
  int runs(const std::string& name) const { return runs_.at(name); }
  int runs() const {
    int sum = 0;
    for (const auto& [name, runs] : runs_) sum += runs;
    return sum;
  }

  Address leaf(std::string_view text) { return store->put_leaf(as_bytes(text)).value(); }
  Address recipe(const std::string& function, std::vector<Address> inputs, Params params = {}) {
    return store->put_recipe({{function, "1"}, std::move(inputs), std::move(params)}).value();
  }
  /// A recipe that differs from others of its function by a number.
  Address numbered(const std::string& function, std::int64_t number, std::vector<Address> inputs = {}) {
    return recipe(function, std::move(inputs), {{"number", number}});
  }

  void reopen() {
    store.reset();
    store.emplace(open());
  }
  /// Loses the value of a result; its record stays. Of one that is too large to be in its record.
  void evict(const Address& address) { lose(store->result(address).value()->digest); }
  /// Loses the bytes of a value that is not in a record.
  void lose(const Digest& digest) {
    Environment environment = open_environment();
    const auto blobs = Table<Digest, BytesView>::open(environment, "blobs").value();
    REQUIRE(environment.write([&](WriteTransaction& transaction) { return blobs.erase(transaction, digest); }).value());
  }
  /// As another process would.
  void compact() {
    Environment environment = open_environment();
    REQUIRE(PersistentDag<>::open(environment).value().compact().has_value());
  }
  /// Stores a value as if a function had given it.
  void store_as(const Address& address, std::string_view value) {
    const ComputedResult result{address, Blob::copy_of(value), {}, {}};
    REQUIRE(store->put_results({&result, 1}).has_value());
  }

  StoreDirectory directory;
  std::shared_ptr<ObserverHub> hub = std::make_shared<ObserverHub>();  ///< Of the store.
  std::optional<Store> store{open()};
  FunctionRegistry registry;

 private:
  // No test here is about a loss of power.
  Environment open_environment() const {
    return Environment::open(directory.path(), {.durability = Durability::relaxed}).value();
  }
  Store open() {
    StoreOptions options;
    options.environment.durability = Durability::relaxed;
    options.observers = hub;
    return Store::open(directory.path(), options).value();
  }
  std::map<std::string, std::atomic<int>> runs_;
};

/// Has a function that gives another value each time, also when it runs twice at once.
struct WaversFixture : ComputeFixture {
  WaversFixture() {
    add("wavers",
        [this](std::span<const Blob>, const Params&) { return Blob::copy_of("run " + std::to_string(++wavered)); });
  }
  std::atomic<int> wavered{0};
};

/// An executor on a pool of its own.
template <std::size_t threads>
struct OnPool {
  explicit OnPool(ComputeFixture& fixture, const ExecutorOptions& options = {})
      : executor(pool.get_executor(), *fixture.store, fixture.registry, options) {}
  boost::asio::thread_pool pool{threads};
  Executor<FunctionRegistry> executor;
};

struct OnThisThread {
  explicit OnThisThread(ComputeFixture& fixture, const ExecutorOptions& options = {})
      : executor(*fixture.store, fixture.registry, options) {}
  SyncExecutor executor;
};

/// The value and everything below it is stored when the request completes.
inline MaterializeOptions durable() {
  MaterializeOptions options;
  options.durable = true;
  return options;
}

inline std::string text_of(const Result<Blob>& result) {
  return result ? std::string(as_text(result->view())) : "!" + std::string(to_string(result.error().code()));
}

}  // namespace deriva::test
