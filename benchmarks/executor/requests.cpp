#include "executor/requests.hpp"

#include <algorithm>
#include <iostream>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include <sys/resource.h>  // the limit of the stack is POSIX, not std

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include <deriva/compute/executor.hpp>
#include <deriva/compute/function_registry.hpp>
#include <deriva/store/store.hpp>

#include "executor/contender.hpp"
#include "support/micro.hpp"
#include "support/process.hpp"
#include "support/relaxed_store.hpp"
#include "support/samples.hpp"

namespace bench {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using deriva::Address;
using deriva::Blob;
using deriva::Recipe;
using deriva::Store;

constexpr std::size_t hit_values = 1'000;

void measure_hits(const Options& options, Report& report, const fs::path& scratch) {
  Store store = open_relaxed(scratch / "hit");
  const WorkGraph graph = chain_graph(hit_values);
  const Work none(0);
  Job job(graph, none);
  deriva::FunctionRegistry registry;
  registry.add({"node", "1"}, [&job](std::span<const Blob> inputs, const deriva::Params&) { return job.run(inputs); });
  asio::io_context io(1);
  deriva::Executor executor(io.get_executor(), store, registry);
  std::vector<Address> addresses;
  std::unordered_map<Address, Blob> peer;
  std::mutex peer_mutex;
  for (const Recipe& recipe : recipes_of(graph)) {
    addresses.push_back(store.put_recipe(recipe).value());
    peer[addresses.back()] = executor.materialize(addresses.back()).value();
  }
  job.check("deriva", number_in(peer[addresses.back()]));

  Micro micro;
  const auto over_addresses = [&](auto&& get) {
    return [&addresses, get](benchmark::State& state) {
      std::size_t bytes = 0;
      std::size_t i = 0;
      for (auto _ : state) bytes += get(addresses[(i += 379) % hit_values]);
      if (bytes != sizeof(std::uint64_t) * static_cast<std::size_t>(state.iterations()))
        state.SkipWithError("no value");
    };
  };
  micro.add("sync", over_addresses([&](const Address& address) { return executor.materialize(address)->size(); }));
  micro.add("async", over_addresses([&](const Address& address) {
              std::size_t size = 0;
              executor.async_materialize(address, {},
                                         [&size](const deriva::Result<Blob>& value) { size = value->size(); });
              while (size == 0) {
                io.restart();
                io.poll();
              }
              return size;
            }));
  micro.add("map", over_addresses([&](const Address& address) {
              const std::lock_guard lock(peer_mutex);
              return Blob(peer.find(address)->second).size();
            }));
  const auto medians = micro.run(options.repetitions);
  report.add({"executor.hit", medians.at("sync"), Unit::nanoseconds, 200, Better::lower, "std::unordered_map, mutex",
              medians.at("map"), hit_values});
  report.add({"executor.hit.async", medians.at("async"), Unit::nanoseconds, 500, Better::lower,
              "std::unordered_map, mutex", medians.at("map"), hit_values});
}

/// ARGUMENTS: directory, address. Prints ns to open the store, and ns of the request.
void null_child(const std::vector<std::string>& arguments) {
  const Address target = Address::parse(arguments.at(1)).value();
  const deriva::FunctionRegistry nothing_runs;
  std::optional<Store> store;
  const double opening = nanoseconds([&] { store.emplace(Store::open(arguments.at(0)).value()); });
  asio::thread_pool pool(1);
  Blob value;
  const double request = nanoseconds([&] {
    deriva::Executor executor(pool.get_executor(), *store, nothing_runs);
    value = executor.materialize(target).value();
  });
  require(number_in(value) == 42, "the request was answered wrongly");
  std::cout << opening << ' ' << request << '\n';
}

/// ARGUMENTS: directory, address, value. Prints ns of the request.
void chain_child(const std::vector<std::string>& arguments) {
  Store store = Store::open(arguments.at(0)).value();
  deriva::FunctionRegistry registry;
  registry.add({"node", "1"}, [](std::span<const Blob> inputs, const deriva::Params&) {
    const std::uint64_t number = inputs.empty() ? 1 : number_in(inputs[0]) + 1;
    return Blob::copy_of(std::as_bytes(std::span(&number, 1)));
  });
  deriva::ExecutorOptions options;
  options.store_results = false;
  asio::thread_pool pool(1);
  Blob value;
  const double request = nanoseconds([&] {
    deriva::Executor executor(pool.get_executor(), store, registry, options);
    value = executor.materialize(Address::parse(arguments.at(1)).value()).value();
  });
  require(number_in(value) == std::stoull(arguments.at(2)), "the chain came to something else");
  std::cout << request << '\n';
}

/// Processes that are started meanwhile have a small stack for every thread.
class SmallStack {
 public:
  SmallStack() {
    require(::getrlimit(RLIMIT_STACK, &before_) == 0, "the limit of the stack is not known");
    rlimit small = before_;
    small.rlim_cur = rlim_t{1'024} * 1'024;
    require(::setrlimit(RLIMIT_STACK, &small) == 0, "the stack cannot be limited");
  }
  SmallStack(const SmallStack&) = delete;
  SmallStack& operator=(const SmallStack&) = delete;
  ~SmallStack() { ::setrlimit(RLIMIT_STACK, &before_); }

 private:
  rlimit before_{};
};

/// Computes a chain of so many recipes.
void measure_chain(const fs::path& directory, const Address& end, std::size_t length, Report& report) {
  const SmallStack small;
  const double time = run_child("chain", {directory.string(), end.to_string(), std::to_string(length)}).at(0);
  report.add(
      {.id = "executor.chain." + short_count(length + 1), .value = time / static_cast<double>(length), .n = length});
}

/// A stored root over a graph of many recipes none of which needs to be looked at; and then all of them.
void measure_null(const Options& options, Report& report, const fs::path& scratch) {
  constexpr std::size_t batch = 100'000;
  const std::size_t count = options.n.value_or(10'000'000);
  const fs::path directory = scratch / "null";
  Address target;
  Address below;
  {
    Store store = open_relaxed(directory);
    std::vector<Recipe> recipes;
    for (std::size_t i = 0; i < count; ++i) {
      Recipe recipe{{"node", "1"}, {}, {}};
      if (i > 0) recipe.inputs.push_back(target);
      below = target;
      target = recipe.address();
      recipes.push_back(std::move(recipe));
      if (recipes.size() < batch && i + 1 < count) continue;
      store.put_recipes(recipes).value();
      recipes.clear();
    }
    const std::uint64_t value = 42;
    const deriva::ComputedResult result{target, Blob::copy_of(std::as_bytes(std::span(&value, 1)))};
    store.put_results({&result, 1}).value();
  }
  Samples samples;
  for (std::size_t i = 0; i < std::max<std::size_t>(options.repetitions, 5); ++i) {
    const std::vector<double> times = run_child("null", {directory.string(), target.to_string()});
    samples.add("open", "", times.at(0));
    samples.add("request", "", times.at(1));
  }
  report.add({"executor.null." + short_count(count), samples.median("request", ""), Unit::nanoseconds, 1e6,
              Better::lower, "opening the store", samples.median("open", ""), count});
  measure_chain(directory, below, count - 1, report);
  fs::remove_all(directory);
}

}  // namespace

void measure_requests(const Options& options, Report& report, const fs::path& scratch) {
  measure_hits(options, report, scratch);
  measure_null(options, report, scratch);
}

Children request_children() { return {{"null", null_child}, {"chain", chain_child}}; }

}  // namespace bench
