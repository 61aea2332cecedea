#include "executor/turns_apart.hpp"

#include <iostream>
#include <memory>
#include <utility>

#include "executor/contender.hpp"
#include "executor/deriva_contender.hpp"
#include "executor/work_graph.hpp"
#include "support/process.hpp"
#include "support/samples.hpp"

namespace bench {
namespace {

Turn turn_of(const std::string& contender, const WorkGraph& graph, const std::filesystem::path& store) {
  if (contender == "oneTBB flow graph") return tbb_turn();
  if (contender == "co_spawn per node") return obvious_turn();
  require(contender == "deriva", "there is no contender " + contender);
  auto ours = std::make_shared<DerivaContender>(graph, store, Keep::memory);
  return [ours = std::move(ours)](Job& job, std::size_t threads) { return (*ours)(job, threads); };
}

/// ARGUMENTS: as the members of TurnsApart. Prints the time of each turn.
void turns_child(const std::vector<std::string>& arguments) {
  const WorkGraph graph = make_graph(arguments.at(1), std::stoull(arguments.at(2)));
  const Work work = Work::of_rounds(std::stoull(arguments.at(3)));
  const std::size_t threads = std::stoull(arguments.at(4));
  const Turn turn = turn_of(arguments.at(0), graph, arguments.at(6));
  for (std::size_t left = std::stoull(arguments.at(5)) + 1; left > 0; --left) {
    Job job(graph, work);
    std::cout << turn(job, threads) << ' ';
  }
  std::cout << '\n';
}

}  // namespace

double take_turns_apart(const TurnsApart& wanted) {
  std::vector<double> times = run_child(
      "turns", {wanted.contender, wanted.shape, std::to_string(wanted.nodes), std::to_string(wanted.work_rounds),
                std::to_string(wanted.threads), std::to_string(wanted.turns), wanted.store.string()});
  require(times.size() == wanted.turns + 1, wanted.contender + " did not take its turns");
  times.erase(times.begin());
  return median(std::move(times));
}

bool has_contender(const std::string& name) { return name != "oneTBB flow graph" || tbb_turn(); }

Children turn_children() { return {{"turns", turns_child}}; }

}  // namespace bench
