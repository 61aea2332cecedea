#include "executor/shapes.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "compare/plot.hpp"
#include "executor/contender.hpp"
#include "executor/deriva_contender.hpp"
#include "executor/turns_apart.hpp"
#include "support/samples.hpp"

namespace bench {
namespace {

namespace fs = std::filesystem;

/// The obvious design does not survive chains of some times as many nodes: the stack overflows.
constexpr std::size_t obvious_depth = 4'000;
bool obvious_is_short(const std::string& shape) { return shape == "chain" || shape == "ladder"; }

struct Goals {
  double empty;  ///< ns per node.
  double speedup_1us;
};
const std::map<std::string, Goals> goals{
    {"chain", {150, 0}}, {"ladder", {150, 0}}, {"layered", {250, 1.4}}, {"tree", {250, 1.65}}, {"wide", {150, 1.65}}};

std::string threads_id(std::size_t threads) { return ".t" + std::to_string(threads); }

/// All contenders on one graph, in turns, each in a process of its own; samples are ns per node, by "CONTENDER tN".
class ShapeContest {
 public:
  ShapeContest(std::string shape, std::size_t nodes, std::uint64_t work_ns, fs::path scratch)
      : nodes_(nodes), graph_(make_graph(shape, nodes)), work_(work_ns), store_(std::move(scratch) / "shape") {
    fs::remove_all(store_);
    const DerivaContender made(graph_, store_, Keep::memory);
  }

  [[nodiscard]] const WorkGraph& graph() const noexcept { return graph_; }

  /// With one thread and with two. `turns`: of each round.
  void add(const std::string& contender, std::size_t turns, std::size_t most_nodes = no_limit) {
    if (!has_contender(contender)) return;
    for (const std::size_t threads : {1U, 2U}) add(contender, contender, threads, turns, most_nodes);
  }
  void add_sync(std::size_t turns) { add("SyncExecutor", "deriva", 0, turns, no_limit); }

  const Samples& run(std::size_t rounds) {
    take_turns(rounds, turns_);
    return samples_;
  }

 private:
  static constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

  void add(const std::string& name, const std::string& contender, std::size_t threads, std::size_t turns,
           std::size_t most_nodes) {
    const std::size_t nodes = std::min(nodes_, most_nodes);
    const std::size_t size = nodes == nodes_ ? graph_.size() : make_graph(graph_.shape, nodes).size();
    turns_.emplace_back([this, name, size,
                         wanted = TurnsApart{contender, graph_.shape, nodes, work_.rounds(), threads, turns, store_}] {
      samples_.add(name + threads_id(wanted.threads), "", take_turns_apart(wanted) / static_cast<double>(size));
    });
  }

  const std::size_t nodes_;
  const WorkGraph graph_;
  const Work work_;
  const fs::path store_;
  std::vector<std::function<void()>> turns_;
  Samples samples_;
};

void measure_empty(const std::string& shape, std::size_t nodes, std::size_t rounds, const fs::path& scratch,
                   Report& report, std::vector<Panel>& panels) {
  ShapeContest contest(shape, nodes, 0, scratch);
  const WorkGraph& graph = contest.graph();
  constexpr std::size_t turns = 9;
  contest.add("deriva", turns);
  contest.add_sync(turns);
  contest.add("oneTBB flow graph", turns);
  // A turn of the obvious design takes a second.
  obvious_is_short(shape) ? contest.add("co_spawn per node", turns, obvious_depth)
                          : contest.add("co_spawn per node", 1);
  const Samples& samples = contest.run(rounds);
  const std::string id = "executor.empty." + graph.shape;
  Panel panel{graph.shape + ", empty functions, per node", Unit::nanoseconds, Better::lower, {}};
  for (const std::size_t threads : {1U, 2U}) {
    const std::string t = threads_id(threads);
    report.add({id + t, samples.median("deriva" + t, ""), Unit::nanoseconds, goals.at(graph.shape).empty, Better::lower,
                "SyncExecutor", samples.median("SyncExecutor.t0", ""), graph.size()});
    const auto against = [&](const std::string& peer, const std::string& name, double goal) {
      if (!samples.has(peer + t, "")) return;
      report.add({id + t + name, samples.ratio(peer + t, "deriva" + t, ""), Unit::factor, goal, Better::higher, peer, 1,
                  graph.size()});
    };
    against("oneTBB flow graph", ".vs_tbb", 2);
    against("co_spawn per node", ".vs_obvious", threads == 1 ? 25 : 40);
    for (const std::string contender : {"deriva", "oneTBB flow graph", "co_spawn per node"}) {
      if (!samples.has(contender + t, "")) continue;
      panel.bars.emplace_back(contender + (threads == 1 ? ", 1 thread" : ", 2 threads"),
                              samples.median(contender + t, ""));
    }
  }
  report.add({id + ".t2.vs_t1", samples.ratio("deriva.t2", "deriva.t1", ""), Unit::factor, 1.5, Better::lower,
              "1 thread", 1, graph.size()});
  panels.push_back(std::move(panel));
}

void measure_speedup(const std::string& shape, std::size_t nodes, const std::string& name, std::uint64_t work_ns,
                     double goal, std::size_t rounds, const fs::path& scratch, Report& report) {
  ShapeContest contest(shape, nodes, work_ns, scratch);
  const WorkGraph& graph = contest.graph();
  constexpr std::size_t turns = 3;
  contest.add("deriva", turns);
  contest.add("oneTBB flow graph", turns);
  const Samples& samples = contest.run(rounds);
  Row row{"executor." + name + "." + graph.shape + ".speedup",
          samples.ratio("deriva.t1", "deriva.t2", ""),
          Unit::factor,
          goal,
          Better::higher,
          "",
          std::nullopt,
          graph.size()};
  if (samples.has("oneTBB flow graph.t1", "")) {
    row.peer = "oneTBB flow graph";
    row.peer_value = samples.ratio("oneTBB flow graph.t1", "oneTBB flow graph.t2", "");
  }
  report.add(row);
}

void measure_stored(const WorkGraph& graph, std::size_t rounds, const fs::path& scratch, Report& report) {
  const Work none(0);
  DerivaContender relaxed(graph, scratch / "relaxed", Keep::relaxed);
  DerivaContender sync(graph, scratch / "sync", Keep::sync);
  Samples samples;
  const auto turn = [&](const std::string& name, DerivaContender& contender) {
    return [&samples, &graph, &none, &contender, name] {
      Job job(graph, none);
      samples.add(name, "", rate(graph.size(), contender(job, 2)));
    };
  };
  take_turns(rounds, {turn("relaxed", relaxed), turn("sync", sync)});
  report.add({"executor.stored.relaxed", samples.median("relaxed", ""), Unit::per_second, 300'000, Better::higher, "",
              std::nullopt, graph.size()});
  report.add({"executor.stored.sync", samples.median("sync", ""), Unit::per_second, 200'000, Better::higher, "",
              std::nullopt, graph.size()});
}

}  // namespace

void measure_shapes(const Options& options, Report& report, const fs::path& scratch) {
  const std::size_t nodes = std::min<std::size_t>(options.n.value_or(100'000), 100'000);
  const std::size_t rounds = std::max<std::size_t>(options.repetitions, 3);
  // Where a figure is near its goal, and other programs on the machine disturb two threads, or a short run, more.
  const std::size_t rounds_of_speedups = std::max<std::size_t>(rounds, 15);
  const std::size_t rounds_of_short = std::max<std::size_t>(rounds, 9);
  std::vector<Panel> panels;
  for (const std::string shape : {"chain", "wide", "layered", "tree", "ladder"}) {
    measure_empty(shape, nodes, obvious_is_short(shape) ? rounds_of_short : rounds, scratch, report, panels);
    const double goal = goals.at(shape).speedup_1us;
    if (goal == 0) continue;  // There is nothing to do at the same time.
    measure_speedup(shape, nodes, "1us", 1'000, goal, rounds_of_speedups, scratch, report);
    measure_speedup(shape, nodes / 20, "50us", 50'000, 1.93, rounds_of_speedups, scratch, report);
  }
  measure_stored(tree_graph(nodes), rounds, scratch, report);
  report.note(
      "executor.empty: per node, functions that do next to nothing, from making the executor to its end; for oneTBB "
      "building, running and destroying the graph. The obvious design computes a chain and a ladder of " +
      std::to_string(obvious_depth) +
      " nodes: in ones of some times as many its stack overflows. Each in a process of its own, warm: the median of "
      "nine turns (of one, where the obvious design takes a second) per round");
  if (!has_contender("oneTBB flow graph")) report.note("built without oneTBB: its rows are left out");
  if (!keeps_in_memory())
    report.note("this executor always stores its results: executor.empty and .speedup include that");
  if (options.docs.empty()) return;
  fs::create_directories(options.docs);
  write_svg(options.docs / "executor.svg", "Graphs of " + std::to_string(nodes) + " nodes", panels);
}

}  // namespace bench
