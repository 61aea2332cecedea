// What it costs to be observed, and to ask why.

#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/thread_pool.hpp>

#include <deriva/compute/executor.hpp>
#include <deriva/compute/function_registry.hpp>
#include <deriva/core/observer_hub.hpp>
#include <deriva/observe/explain.hpp>
#include <deriva/observe/metrics.hpp>
#include <deriva/store/store.hpp>

#include "executor/work_graph.hpp"
#include "recipes.hpp"
#include "support/micro.hpp"
#include "support/samples.hpp"
#include "support/scratch.hpp"
#include "support/suite.hpp"

namespace {

using namespace bench;
using deriva::Address;
using deriva::Recipe;
using deriva::Store;
namespace event = deriva::event;

Store open_relaxed(const std::filesystem::path& directory) {
  std::filesystem::remove_all(directory);
  deriva::StoreOptions options;
  options.environment.durability = deriva::Durability::relaxed;
  return Store::open(directory, options).value();
}

/// What one node of an executor tells: it begins, its function begins and ends, it ends, its value is cached.
constexpr double events_per_node = 5;
void tell_node(deriva::ObserverHub& hub, event::Time started, const Address& address, event::NameId function) {
  hub.emit(event::FlightStarted{1, 1, address});
  hub.emit(event::FunctionStarted{1, 1, function, address, {}});
  hub.emit(event::FunctionFinished{1, 1, started, address, 8, 8, function, {}, {}});
  hub.emit(event::CacheInserted{address, 200, 0, false});
  hub.emit(event::FlightFinished{1, 1, started, address, {}});
}

/// Nothing but counting: what batches cost the thread that emits.
class Sink final : public deriva::Observer {
 public:
  void on_events(const deriva::EventBatch& batch) override { events += batch.events.size(); }
  std::uint64_t events = 0;
};

/// The time of a node whose function does nothing, all in all.
double node_ns(const Options& options, const Scratch& scratch) {
  static constexpr std::size_t nodes = 20'000;
  const std::vector<Recipe> recipes = recipes_of(wide_graph(nodes));
  deriva::FunctionRegistry registry;
  registry.add({"node", "1"}, [](std::span<const deriva::Blob>, const deriva::Params&) {
    return deriva::Blob::copy_of(std::as_bytes(std::span(&nodes, 1)));
  });
  std::vector<double> samples;
  for (std::uint64_t round = 0; round < options.repetitions; ++round) {
    Store store = open_relaxed(scratch.path() / "nodes");
    const Address target = store.put_recipes(recipes).value().back();
    boost::asio::thread_pool pool(1);
    deriva::ExecutorOptions one_slot;
    one_slot.concurrency = 1;
    deriva::Executor executor(pool.get_executor(), store, registry, one_slot);
    samples.push_back(nanoseconds([&] { executor.materialize(target).value(); }) / static_cast<double>(recipes.size()));
  }
  return median(samples);
}

void measure_overhead(const Options& options, Report& report, const Scratch& scratch) {
  deriva::ObserverHub none;
  deriva::ObserverHub counted;
  deriva::ObserverHub ringed;
  const auto metrics = deriva::Metrics::attach(counted);
  ringed.attach(std::make_shared<Sink>());
  const Address address = Address::of_leaf(deriva::as_bytes("a recipe"));
  const event::Time now = event::Clock::now();
  Micro micro;
  const auto body = [&](deriva::ObserverHub& hub) {
    return [&, function = hub.name_id("node/1")](benchmark::State& state) {
      for (auto _ : state) {
        tell_node(hub, now, address, function);
        benchmark::ClobberMemory();
      }
    };
  };
  micro.add("none", body(none));
  micro.add("metrics", body(counted));
  micro.add("ring", body(ringed));
  const std::map<std::string, double> ns = micro.run(options.repetitions);
  const double node = node_ns(options, scratch);
  report.add({.id = "observe.none.overhead", .value = 1 + ns.at("none") / node, .unit = Unit::factor, .goal = 1.01});
  report.add(
      {.id = "observe.metrics.overhead", .value = 1 + ns.at("metrics") / node, .unit = Unit::factor, .goal = 1.05});
  report.add({.id = "observe.none.event", .value = ns.at("none") / events_per_node});
  report.add({.id = "observe.metrics.event", .value = ns.at("metrics") / events_per_node});
  report.add({.id = "observe.ring.event", .value = ns.at("ring") / events_per_node});
}

/// A complete binary tree of sums; the recipes from one leaf up to the target can be made again with another leaf.
class SumTree {
 public:
  explicit SumTree(std::size_t depth) : depth_(depth) {
    std::vector<Address> level;
    for (std::size_t i = 0; i < std::size_t{1} << depth; ++i) level.push_back(leaf(i, 0));
    levels_.push_back(level);
    while (levels_.back().size() > 1) {
      const std::vector<Address>& below = levels_.back();
      std::vector<Address> above;
      for (std::size_t i = 0; i < below.size(); i += 2) {
        recipes_.push_back(sum(below[i], below[i + 1]));
        above.push_back(recipes_.back().address());
      }
      levels_.push_back(std::move(above));
    }
  }
  [[nodiscard]] const std::vector<Recipe>& recipes() const { return recipes_; }
  [[nodiscard]] std::vector<Address> path_of(std::size_t index) const {
    std::vector<Address> path;
    for (std::size_t level = 1; level <= depth_; ++level) path.push_back(levels_[level][index >> level]);
    return path;
  }
  /// The recipes above another version of a leaf, the target last.
  [[nodiscard]] std::vector<Recipe> changed(std::size_t index) const {
    std::vector<Recipe> recipes;
    Address below = leaf(index, 1);
    for (std::size_t level = 0; level < depth_; ++level) {
      const std::size_t at = index >> level;
      const Address& sibling = levels_[level][at ^ 1U];
      recipes.push_back(at % 2 == 0 ? sum(below, sibling) : sum(sibling, below));
      below = recipes.back().address();
    }
    return recipes;
  }

 private:
  static Address leaf(std::size_t index, std::size_t version) {
    return Address::of_leaf(deriva::as_bytes(std::to_string(index) + '/' + std::to_string(version)));
  }
  static Recipe sum(const Address& a, const Address& b) { return {{"sum", "1"}, {a, b}, {}}; }

  std::size_t depth_;
  std::vector<std::vector<Address>> levels_;
  std::vector<Recipe> recipes_;
};

void measure_explain(const Options& options, Report& report, const Scratch& scratch) {
  std::size_t depth = 20;
  while (options.n && depth > 2 && std::size_t{1} << depth > *options.n) --depth;
  const SumTree tree(depth);
  Store store = open_relaxed(scratch.path() / "explain");
  constexpr std::size_t batch = 50'000;
  for (std::size_t i = 0; i < tree.recipes().size(); i += batch) {
    const std::size_t count = std::min(batch, tree.recipes().size() - i);
    store.put_recipes(std::span(tree.recipes()).subspan(i, count)).value();
  }
  std::vector<double> samples;
  for (std::size_t sample = 0; sample < 101; ++sample) {
    const std::size_t index = sample * 7'919 % (std::size_t{1} << depth);
    std::vector<deriva::ComputedResult> results;
    for (const Address& address : tree.path_of(index)) {
      results.push_back({address, deriva::Blob::copy_of("a sum"), std::chrono::nanoseconds(1), {}});
    }
    store.put_results(results).value();
    const std::vector<Recipe> changed = tree.changed(index);
    store.put_recipes(changed).value();
    const Address target = changed.back().address();
    samples.push_back(nanoseconds([&] {
      const deriva::Explanation explanation = deriva::explain(store, target).value();
      require(explanation.changes.size() == 1 && explanation.changes[0].path.size() == depth + 1,
              "the explanation is not the one changed leaf");
    }));
  }
  report.add({.id = "observe.explain.1m", .value = median(samples), .goal = 1e6, .n = tree.recipes().size()});
}

}  // namespace

int main(int argc, char** argv) {
  return suite_main(argc, argv, "observe", [](const Options& options, Report& report) {
    const Scratch scratch(options.scratch);
    measure_overhead(options, report, scratch);
    measure_explain(options, report, scratch);
  });
}
