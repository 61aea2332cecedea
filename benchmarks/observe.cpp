// What it costs to be observed, and to ask why.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/thread_pool.hpp>

#include <deriva/compute/executor.hpp>
#include <deriva/compute/function_registry.hpp>
#include <deriva/compute/sync_executor.hpp>
#include <deriva/core/observer_hub.hpp>
#include <deriva/observe/explain.hpp>
#include <deriva/observe/metrics.hpp>
#include <deriva/observe/progress.hpp>
#include <deriva/store/store.hpp>

#include "executor/work_graph.hpp"
#include "recipes.hpp"
#include "support/micro.hpp"
#include "support/relaxed_store.hpp"
#include "support/samples.hpp"
#include "support/scratch.hpp"
#include "support/suite.hpp"

namespace {

using namespace bench;
using deriva::Address;
using deriva::Recipe;
using deriva::Store;
namespace event = deriva::event;

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

constexpr std::size_t nodes = 20'000;

/// Computes a wide graph in memory, on one slot, observed by the hub; in nanoseconds per node.
class ObservedRun {
 public:
  ObservedRun(const std::filesystem::path& directory, std::uint64_t function_ns)
      : store_(open_relaxed(directory)), target_(store_.put_recipes(recipes_of(wide_graph(nodes))).value().back()) {
    registry_.add({"node", "1"}, [function_ns, work = Work(function_ns)](std::span<const deriva::Blob>, const auto&) {
      if (function_ns > 0) work();
      return deriva::Blob::copy_of(std::as_bytes(std::span(&nodes, 1)));
    });
  }

  double operator()(const std::shared_ptr<deriva::ObserverHub>& hub) {
    deriva::ExecutorOptions executor_options;
    executor_options.concurrency = 1;
    executor_options.store_results = false;
    executor_options.cache_bytes = 0;
    executor_options.observers = hub;
    deriva::SyncExecutor executor(store_, registry_, executor_options);
    return nanoseconds([&] { executor.materialize(target_).value(); }) / static_cast<double>(nodes);
  }

 private:
  Store store_;
  Address target_;
  deriva::FunctionRegistry registry_;
};

/// What an executor costs whose hub has nobody, somebody who counts, and somebody who collects, against one without.
void measure_executor(const Options& options, Report& report, const Scratch& scratch) {
  const auto nobody = std::make_shared<deriva::ObserverHub>();
  const auto counted = std::make_shared<deriva::ObserverHub>();
  const auto collected = std::make_shared<deriva::ObserverHub>();
  const auto metrics = deriva::Metrics::attach(*counted);
  collected->attach(std::make_shared<Sink>());
  Samples samples;
  for (const std::uint64_t function_ns : {std::uint64_t{0}, std::uint64_t{1'000}}) {
    ObservedRun run(scratch.path() / ("run" + std::to_string(function_ns)), function_ns);
    const std::string measure = std::to_string(function_ns);
    const auto contender = [&](const std::string& name, const std::shared_ptr<deriva::ObserverHub>& hub) {
      return [&, name, hub] { samples.add(name, measure, run(hub)); };
    };
    run(nullptr);  // Once for the caches.
    take_turns(std::max<std::size_t>(5 * options.repetitions, 3),
               {contender("absent", nullptr), contender("nobody", nobody), contender("metrics", counted),
                contender("ring", collected)});
  }
  const auto row = [&](const char* id, const char* who, const char* measure, std::optional<double> goal) {
    report.add({.id = id,
                .value = samples.ratio(who, "absent", measure),
                .unit = Unit::factor,
                .goal = goal,
                .peer = "no hub",
                .peer_value = 1,
                .n = nodes});
  };
  row("observe.none.overhead", "nobody", "0", 1.01);
  row("observe.none.overhead.1us", "nobody", "1000", 1.01);
  row("observe.metrics.overhead", "metrics", "1000", 1.05);
  row("observe.metrics.overhead.empty", "metrics", "0", std::nullopt);
  row("observe.ring.overhead", "ring", "1000", std::nullopt);
}

void measure_events(const Options& options, Report& report) {
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
  report.add({.id = "observe.none.event", .value = ns.at("none") / events_per_node});
  report.add({.id = "observe.metrics.event", .value = ns.at("metrics") / events_per_node});
  report.add({.id = "observe.ring.event", .value = ns.at("ring") / events_per_node});
}

/// Layers of functions of four kinds, of which some take eight times as long as others.
std::vector<Recipe> kinds_in_layers(std::int64_t round) {
  constexpr std::size_t width = 50;
  constexpr std::size_t layers = 20;
  std::vector<Recipe> recipes;
  for (std::size_t i = 0; i < width * layers; ++i) {
    Recipe& recipe = recipes.emplace_back(Recipe{{"kind" + std::to_string(i % 4), "1"}, {}, {}});
    recipe.params = {{"number", static_cast<std::int64_t>(i)}, {"round", round}};
    if (i < width) continue;
    for (const std::size_t step : {std::size_t{0}, 7 + i % 5}) {
      recipe.inputs.push_back(recipes[i / width * width - width + (i + step) % width].address());
    }
  }
  Recipe& last = recipes.emplace_back(Recipe{{"kind0", "1"}, {}, {{"round", round}}});
  for (std::size_t i = recipes.size() - 1 - width; i + 1 < recipes.size(); ++i) {
    last.inputs.push_back(recipes[i].address());
  }
  return recipes;
}

/// By how much the predicted end of a run is off, as a share of what it took: the median over all predictions of a run
/// whose functions have run before.
void measure_prediction(const Options& options, Report& report, const Scratch& scratch) {
  Store store = open_relaxed(scratch.path() / "prediction");
  deriva::FunctionRegistry registry;
  for (std::uint64_t kind = 0; kind < 4; ++kind) {
    registry.add({"kind" + std::to_string(kind), "1"},
                 [work = Work(100'000U << kind)](std::span<const deriva::Blob>, const deriva::Params&) {
                   work();
                   return deriva::Blob::copy_of("done");
                 });
  }
  std::vector<deriva::ProgressReport> reports;  // Outlives the hub.
  const auto hub = std::make_shared<deriva::ObserverHub>();
  const std::size_t threads = std::max(1U, std::thread::hardware_concurrency());
  hub->attach(std::make_shared<deriva::ProgressObserver>(
      [&](const deriva::ProgressReport& one) { reports.push_back(one); },
      deriva::ProgressOptions{std::chrono::milliseconds(10), threads, deriva::plan_from(store)}));
  boost::asio::thread_pool pool(threads);
  deriva::ExecutorOptions executor_options;
  executor_options.observers = hub;
  deriva::Executor executor(pool.get_executor(), store, registry, executor_options);
  std::vector<double> errors;
  for (std::uint64_t round = 0; round <= options.repetitions; ++round) {
    const Address target = store.put_recipes(kinds_in_layers(static_cast<std::int64_t>(round))).value().back();
    reports.clear();
    executor.materialize(target).value();
    hub->flush();
    if (round == 0) continue;  // No function has run before.
    const double total = static_cast<double>(reports.back().elapsed.count());
    for (const deriva::ProgressReport& one : reports) {
      if (one.finished || !one.remaining) continue;
      errors.push_back(std::abs(static_cast<double>((one.elapsed + *one.remaining).count()) - total) / total);
    }
  }
  require(!errors.empty(), "nothing was predicted");
  report.add({.id = "observe.progress.error", .value = median(errors), .unit = Unit::factor, .goal = 0.2});
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
    measure_executor(options, report, scratch);
    measure_events(options, report);
    measure_prediction(options, report, scratch);
    measure_explain(options, report, scratch);
  });
}
