#include <deque>
#include <vector>

#include "executor/contender.hpp"
#include "support/samples.hpp"

#ifdef BENCH_TBB
#include <oneapi/tbb/flow_graph.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#endif

namespace bench {

#ifdef BENCH_TBB

namespace {

using Node = tbb::flow::continue_node<tbb::flow::continue_msg>;

void run_all(const Job& job, std::vector<std::uint64_t>& values) {
  const WorkGraph& work = job.graph();
  tbb::flow::graph graph;
  std::deque<Node> nodes;
  std::vector<Node*> sources;
  for (std::size_t i = 0; i < work.size(); ++i) {
    Node& node = nodes.emplace_back(graph, [&job, &values, &work, i](const tbb::flow::continue_msg&) {
      std::uint64_t sum = 0;
      for (const std::uint32_t input : work.inputs[i]) sum += values[input];
      values[i] = job.run(sum);
    });
    for (const std::uint32_t input : work.inputs[i]) tbb::flow::make_edge(nodes[input], node);
    if (work.inputs[i].empty()) sources.push_back(&node);
  }
  for (Node* source : sources) source->try_put(tbb::flow::continue_msg());
  graph.wait_for_all();
}

}  // namespace

Turn tbb_turn() {
  return [](Job& job, std::size_t threads) {
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, threads);
    tbb::task_arena arena(static_cast<int>(threads));
    arena.initialize();
    std::vector<std::uint64_t> values(job.graph().size());
    const double time = nanoseconds([&] { arena.execute([&] { run_all(job, values); }); });
    job.check("oneTBB", values.back());
    return time;
  };
}

#else

Turn tbb_turn() { return {}; }

#endif

}  // namespace bench
