#include "executor/shapes.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "compare/plot.hpp"
#include "executor/contender.hpp"
#include "executor/deriva_contender.hpp"
#include "support/samples.hpp"

namespace bench {
namespace {

namespace fs = std::filesystem;

/// The obvious design does not survive chains of some times as many nodes: the stack overflows.
constexpr std::size_t obvious_chain = 4'000;

struct Goals {
  double empty;  ///< ns per node.
  double speedup_1us;
};
const std::map<std::string, Goals> goals{
    {"chain", {150, 0}}, {"ladder", {150, 0}}, {"layered", {250, 1.4}}, {"tree", {250, 1.65}}, {"wide", {150, 1.65}}};

std::string threads_id(std::size_t threads) { return ".t" + std::to_string(threads); }

/// All contenders on one graph, in turns; samples are ns per node, by "CONTENDER tN".
class ShapeContest {
 public:
  ShapeContest(const WorkGraph& graph, std::uint64_t work_ns, const fs::path& scratch)
      : graph_(graph), work_(work_ns), ours_(graph, scratch / "shape", Keep::memory) {}

  void add(const std::string& contender, Turn turn, const WorkGraph& graph, std::size_t threads) {
    turns_.emplace_back([this, contender, turn = std::move(turn), &graph, threads] {
      Job job(graph, work_);
      samples_.add(contender + threads_id(threads), "", turn(job, threads) / static_cast<double>(graph.size()));
    });
  }
  void add(const std::string& contender, const Turn& turn) {
    if (!turn) return;
    for (const std::size_t threads : {1U, 2U}) add(contender, turn, graph_, threads);
  }
  void add_ours() {
    add("deriva", [this](Job& job, std::size_t threads) { return ours_(job, threads); });
  }
  void add_sync() {
    add(
        "SyncExecutor", [this](Job& job, std::size_t threads) { return ours_(job, threads); }, graph_, 0);
  }

  const Samples& run(std::size_t rounds) {
    take_turns(rounds, turns_);
    return samples_;
  }

 private:
  const WorkGraph& graph_;
  const Work work_;
  DerivaContender ours_;
  std::vector<std::function<void()>> turns_;
  Samples samples_;
};

/// Of the same shape, and shorter where the whole one is too deep for it.
WorkGraph for_the_obvious(const WorkGraph& graph) {
  if (graph.shape == "chain") return chain_graph(std::min(graph.size(), obvious_chain));
  if (graph.shape == "ladder") return ladder_graph(std::min(graph.size(), obvious_chain));
  return graph;
}

void measure_empty(const WorkGraph& graph, std::size_t rounds, const fs::path& scratch, Report& report,
                   std::vector<Panel>& panels) {
  ShapeContest contest(graph, 0, scratch);
  const WorkGraph shorter = for_the_obvious(graph);
  contest.add_ours();
  contest.add_sync();
  contest.add("oneTBB flow graph", tbb_turn());
  for (const std::size_t threads : {1U, 2U}) contest.add("co_spawn per node", obvious_turn(), shorter, threads);
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

void measure_speedup(const WorkGraph& graph, const std::string& name, std::uint64_t work_ns, double goal,
                     std::size_t rounds, const fs::path& scratch, Report& report) {
  ShapeContest contest(graph, work_ns, scratch);
  contest.add_ours();
  contest.add("oneTBB flow graph", tbb_turn());
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
  std::vector<Panel> panels;
  for (const auto& make : {chain_graph, wide_graph, layered_graph, tree_graph, ladder_graph}) {
    const WorkGraph graph = make(nodes);
    measure_empty(graph, rounds, scratch, report, panels);
    const double goal = goals.at(graph.shape).speedup_1us;
    if (goal == 0) continue;  // There is nothing to do at the same time.
    measure_speedup(graph, "1us", 1'000, goal, rounds, scratch, report);
    measure_speedup(make(nodes / 20), "50us", 50'000, 1.93, rounds, scratch, report);
  }
  measure_stored(tree_graph(nodes), rounds, scratch, report);
  report.note(
      "executor.empty: per node, functions that do next to nothing, from making the executor to its end; for oneTBB "
      "building, running and destroying the graph. The obvious design computes a chain and a ladder of " +
      std::to_string(obvious_chain) + " nodes: in ones of some times as many its stack overflows");
  if (!tbb_turn()) report.note("built without oneTBB: its rows are left out");
  if (!keeps_in_memory())
    report.note("this executor always stores its results: executor.empty and .speedup include that");
  if (options.docs.empty()) return;
  fs::create_directories(options.docs);
  write_svg(options.docs / "executor.svg", "Graphs of " + std::to_string(nodes) + " nodes", panels);
}

}  // namespace bench
