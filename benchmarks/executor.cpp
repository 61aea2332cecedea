// What the executor costs beside the functions that it runs.

#include <atomic>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/asio/thread_pool.hpp>

#include <deriva/compute/executor.hpp>
#include <deriva/compute/function_registry.hpp>
#include <deriva/compute/sync_executor.hpp>
#include <deriva/store/store.hpp>

#include "recipes.hpp"
#include "support/micro.hpp"
#include "support/samples.hpp"
#include "support/scratch.hpp"
#include "support/suite.hpp"

namespace {

using namespace bench;
using deriva::Address;
using deriva::Blob;
using deriva::Recipe;
using deriva::Store;
namespace fs = std::filesystem;

/// The function of the graphs: next to nothing, another value for every node, and a count of the calls.
class Functions {
 public:
  Functions() {
    registry_.add({"node", "1"}, [this](std::span<const Blob>, const deriva::Params& params) {
      calls_.fetch_add(1, std::memory_order_relaxed);
      return Blob::copy_of(std::as_bytes(std::span(&std::get<std::int64_t>(params.begin()->second), 1)));
    });
  }
  [[nodiscard]] const deriva::FunctionRegistry& registry() const { return registry_; }
  [[nodiscard]] std::uint64_t calls() const { return calls_; }

 private:
  deriva::FunctionRegistry registry_;
  std::atomic<std::uint64_t> calls_{0};
};

Store open_relaxed(const fs::path& directory) {
  fs::remove_all(directory);
  deriva::StoreOptions options;
  options.environment.durability = deriva::Durability::relaxed;
  return Store::open(directory, options).value();
}

void measure_hit(const Options& options, Report& report, const Scratch& scratch) {
  constexpr std::size_t values = 1'000;
  Store store = open_relaxed(scratch.path() / "hit");
  const Functions functions;
  boost::asio::thread_pool threads(1);
  deriva::Executor executor(threads.get_executor(), store, functions.registry());
  std::vector<Address> addresses;
  std::unordered_map<Address, Blob> peer;
  std::mutex peer_mutex;
  for (const Recipe& recipe : make_graph(Shape::chain, values).recipes) {
    addresses.push_back(store.put_recipe(recipe).value());
    peer[addresses.back()] = executor.materialize(addresses.back()).value();
  }
  require(functions.calls() == values, "the values were not computed once each");

  Micro micro;
  const auto over_addresses = [&](auto&& get) {
    return [&addresses, get](benchmark::State& state) {
      std::size_t bytes = 0;
      std::size_t i = 0;
      for (auto _ : state) bytes += get(addresses[(i += 379) % values]);
      if (bytes != sizeof(std::int64_t) * static_cast<std::size_t>(state.iterations())) state.SkipWithError("no value");
    };
  };
  micro.add("executor", over_addresses([&](const Address& address) { return executor.materialize(address)->size(); }));
  micro.add("map", over_addresses([&](const Address& address) {
              const std::lock_guard lock(peer_mutex);
              return Blob(peer.find(address)->second).size();
            }));
  const auto medians = micro.run(options.repetitions);
  require(functions.calls() == values, "a request that was to be a hit ran a function");
  report.add({"executor.hit", medians.at("executor"), Unit::nanoseconds, 1'000, Better::lower,
              "std::unordered_map, mutex", medians.at("map"), values});
}

struct Contender {
  std::string name;
  std::size_t threads;  // 0: SyncExecutor
};

/// Materializes the graph in a new store; returns the time per node, in ns.
double materialize_once(const Contender& contender, const Graph& graph, const fs::path& directory) {
  Store store = open_relaxed(directory);
  store.put_recipes(graph.recipes).value();
  const Functions functions;
  deriva::Outcome outcome;
  deriva::MaterializeOptions options;
  options.outcome = &outcome;
  double time = 0;
  if (contender.threads == 0) {
    deriva::SyncExecutor executor(store, functions.registry());
    time = nanoseconds([&] { executor.materialize(graph.target, options).value(); });
  } else {
    boost::asio::thread_pool threads(contender.threads);
    deriva::ExecutorOptions executor_options;
    executor_options.concurrency = contender.threads;
    deriva::Executor executor(threads.get_executor(), store, functions.registry(), executor_options);
    time = nanoseconds([&] { executor.materialize(graph.target, options).value(); });
  }
  const std::size_t nodes = graph.recipes.size();
  require(functions.calls() == nodes && outcome.computed == nodes, contender.name + " did not compute every node once");
  require(store.stats().value().results == nodes, contender.name + " did not store every result");
  return time / static_cast<double>(nodes);
}

void measure_stored(const Options& options, Report& report, const Scratch& scratch) {
  const std::vector<Contender> contenders{{"sync", 0}, {"t1", 1}, {"t2", 2}};
  const std::map<std::string, Shape> shapes{{"chain", Shape::chain}, {"wide", Shape::wide}, {"tree", Shape::tree}};
  for (const auto& [shape, kind] : shapes) {
    const Graph graph = make_graph(kind, options.n.value_or(100'000));
    Samples samples;
    std::vector<std::function<void()>> turns;
    for (const Contender& contender : contenders) {
      turns.emplace_back([&, contender] {
        samples.add(contender.name, shape, materialize_once(contender, graph, scratch.path() / "stored"));
      });
    }
    take_turns(options.repetitions, turns);
    for (const std::string threads : {"t1", "t2"}) {
      report.add({"executor.stored." + shape + "." + threads, samples.median(threads, shape), Unit::nanoseconds,
                  std::nullopt, Better::lower, "SyncExecutor", samples.median("sync", shape), graph.recipes.size()});
    }
  }
  report.note(
      "executor.stored: per node, functions that do next to nothing, from a store with Durability::relaxed that "
      "has the recipes, until every result is stored; .t1 and .t2: one and two functions at the same time");
}

void run_suite(const Options& options, Report& report) {
  const Scratch scratch(options.scratch);
  measure_hit(options, report, scratch);
  measure_stored(options, report, scratch);
}

}  // namespace

int main(int argc, char** argv) { return suite_main(argc, argv, "executor", run_suite); }
