#include "executor/memory.hpp"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/system_error.hpp>

#include <deriva/compute/executor.hpp>
#include <deriva/compute/function_registry.hpp>

#include "executor/allocations.hpp"
#include "executor/contender.hpp"
#include "executor/work_graph.hpp"
#include "store/block_pool.hpp"
#include "store/store_impl.hpp"
#include "support/relaxed_store.hpp"
#include "support/suite.hpp"

namespace bench {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using deriva::Address;
using deriva::Blob;
using deriva::Recipe;

constexpr double edge_bytes = 16;
constexpr double planned_goal = 64;
constexpr double in_flight_goal = 128;
constexpr double coroutine_goal = 1'300;

deriva::ExecutorOptions in_memory() {
  deriva::ExecutorOptions options;
  options.concurrency = 1;  // All is explored before anything runs.
  options.store_results = false;
  options.cache_bytes = 0;
  return options;
}

struct GraphBytes {
  double planned = 0;  ///< When the first function runs.
  double most = 0;     ///< While they run.
};

/// What a store keeps for its next executor is to count for that one.
void free_kept_blocks(const deriva::Store& store) {
  using deriva::detail::BlockPool;
  BlockPool& pool = *deriva::detail::StoreAccess::blocks(store);
  std::vector<BlockPool::Block> kept;
  while (kept.size() < BlockPool::most_kept) kept.push_back(pool.take(true));
}

/// Computes the target once, and looks at the heap from within the functions.
GraphBytes bytes_of_run(deriva::Store& store, const Address& target) {
  constexpr std::uint64_t looks_at = 1'024;
  deriva::FunctionRegistry registry;
  std::uint64_t calls = 0;
  std::uint64_t planned = 0;
  std::uint64_t most = 0;
  registry.add({"node", "1"}, [&](std::span<const Blob> inputs, const deriva::Params&) {
    if (calls++ % looks_at == 0) most = std::max(most, heap_in_use());
    if (calls == 1) planned = most;
    return blob_of(sum_of(inputs) + 1);
  });
  asio::io_context io(1);
  deriva::Executor executor(io.get_executor(), store, registry, in_memory());
  free_kept_blocks(store);
  const std::uint64_t before = heap_in_use();
  executor.materialize(target).value();
  return {static_cast<double>(planned - before), static_cast<double>(most - before)};
}

void measure_graph(const WorkGraph& graph, const fs::path& scratch, Report& report) {
  GraphBytes bytes;
  {
    deriva::Store store = open_relaxed(scratch / "memory");
    const Address target = put_in_batches(store, recipes_of(graph));
    bytes_of_run(store, target);  // What the store reads, it keeps.
    bytes = bytes_of_run(store, target);
  }
  std::size_t edges = 0;
  for (const std::vector<std::uint32_t>& inputs : graph.inputs) edges += inputs.size();
  const auto nodes = static_cast<double>(graph.size());
  if (graph.shape == "chain") {
    report.add({.id = "executor.memory.planned",
                .value = (bytes.planned - edge_bytes * static_cast<double>(edges)) / nodes,
                .unit = Unit::bytes,
                .goal = planned_goal,
                .peer = "with the inputs",
                .peer_value = bytes.planned / nodes,
                .n = graph.size()});
  }
  report.add({.id = "executor.memory.in_flight." + graph.shape,
              .value = bytes.most / nodes,
              .unit = Unit::bytes,
              .goal = in_flight_goal,
              .n = graph.size()});
}

/// Keeps as little as Asio lets it.
asio::awaitable<Blob> wait_for(asio::steady_timer& gate, std::size_t& suspended) {
  ++suspended;
  try {
    co_await gate.async_wait(asio::deferred);
  } catch (const boost::system::system_error&) {  // It was cancelled: that is what all wait for.
  }
  co_return Blob::copy_of("done");
}

/// Of each of so many coroutines that wait for a timer, without an executor.
double bytes_of_coroutine(std::size_t count) {
  asio::io_context io(1);
  asio::steady_timer gate(io, asio::steady_timer::time_point::max());
  std::size_t suspended = 0;
  const std::uint64_t before = heap_in_use();
  for (std::size_t i = 0; i < count; ++i) asio::co_spawn(io, wait_for(gate, suspended), asio::detached);
  while (suspended < count) io.run_one();
  const std::uint64_t used = heap_in_use() - before;
  gate.cancel();
  io.run();
  return static_cast<double>(used) / static_cast<double>(count);
}

/// Functions that have begun and wait for a timer.
void measure_coroutines(const fs::path& scratch, Report& report) {
  constexpr std::size_t count = 10'000;
  deriva::Store store = open_relaxed(scratch / "memory");
  std::vector<Recipe> recipes;
  for (std::size_t i = 0; i < count; ++i) {
    recipes.push_back({{"waits", "1"}, {}, {{"number", static_cast<std::int64_t>(i)}}});
  }
  Recipe all{{"all", "1"}, store.put_recipes(recipes).value(), {}};
  const Address target = store.put_recipe(all).value();
  asio::io_context io(1);
  asio::steady_timer gate(io, asio::steady_timer::time_point::max());
  std::size_t suspended = 0;
  deriva::FunctionRegistry registry;
  registry.add_async({"waits", "1"}, [&](const std::vector<Blob>&, const deriva::Params&, deriva::Context&) {
    return wait_for(gate, suspended);
  });
  registry.add({"all", "1"}, [](std::span<const Blob> inputs, const deriva::Params&) { return inputs[0]; });
  deriva::ExecutorOptions options = in_memory();
  options.coroutine_concurrency = count;
  deriva::Executor executor(io.get_executor(), store, registry, options);
  const std::uint64_t before = heap_in_use();
  bool done = false;
  executor.async_materialize(target, {}, [&](const deriva::Result<Blob>& value) { done = value.has_value(); });
  while (suspended < count) io.run_one();
  io.poll();
  const std::uint64_t used = heap_in_use() - before;
  gate.cancel();
  while (!done) io.run_one();
  report.add({.id = "executor.memory.coroutine",
              .value = static_cast<double>(used) / count,
              .unit = Unit::bytes,
              .goal = coroutine_goal,
              .peer = "co_spawn alone",
              .peer_value = bytes_of_coroutine(count),
              .n = count});
}

/// Recipes that differ from those of another number.
std::vector<Recipe> numbered(std::vector<Recipe> recipes, const WorkGraph& graph, std::int64_t number) {
  std::vector<Address> addresses;
  for (std::size_t i = 0; i < recipes.size(); ++i) {
    recipes[i].params["run"] = number;
    for (std::size_t k = 0; k < recipes[i].inputs.size(); ++k) recipes[i].inputs[k] = addresses[graph.inputs[i][k]];
    addresses.push_back(recipes[i].address());
  }
  return recipes;
}

/// Beside one for each value, which is the function's.
struct Allocations {
  double of_new = 0;    ///< For nodes that are asked for for the first time,
  double of_known = 0;  ///< and for the same ones again.
};

/// Computes the targets twice, by an executor that has computed others before and keeps no values.
template <class Executor>
Allocations allocations_of(Executor& executor, std::span<const Address> targets, const std::uint64_t& calls) {
  const auto compute = [&] {
    const std::uint64_t calls_before = calls;
    const AllocationCount allocations;
    for (const Address& target : targets) executor.materialize(target).value();
    return (static_cast<double>(allocations.count()) / static_cast<double>(calls - calls_before)) - 1;
  };
  Allocations result;
  result.of_new = compute();
  const std::uint64_t calls_of_new = calls;
  result.of_known = compute();
  require(calls == 2 * calls_of_new, "what was computed again was not computed");
  return result;
}

void report_allocations(const std::string& of, const Allocations& allocations, std::size_t n, Report& report) {
  report.add({.id = "executor.memory.allocations." + of,
              .value = allocations.of_known,
              .unit = Unit::factor,
              .goal = 0,
              .n = n});
  report.add(
      {.id = "executor.memory.allocations.new_" + of, .value = allocations.of_new, .unit = Unit::factor, .n = n});
}

void measure_allocations(const fs::path& scratch, Report& report) {
  deriva::Store store = open_relaxed(scratch / "memory");
  const WorkGraph graph = tree_graph(50'000);
  const std::vector<Recipe> recipes = recipes_of(graph);
  const std::string value(200, 'x');  // Memory for smaller ones is kept.
  std::uint64_t calls = 0;
  deriva::FunctionRegistry registry;
  registry.add({"node", "1"}, [&](std::span<const Blob>, const deriva::Params&) {
    ++calls;
    return Blob::copy_of(value);
  });
  asio::io_context io(1);
  deriva::Executor executor(io.get_executor(), store, registry, in_memory());
  constexpr std::int64_t rounds = 3;
  for (std::int64_t round = 0; round < rounds; ++round) {
    executor.materialize(put_in_batches(store, numbered(recipes, graph, round))).value();
  }
  const Address target = put_in_batches(store, numbered(recipes, graph, rounds));
  calls = 0;
  report_allocations("node", allocations_of(executor, std::span(&target, 1), calls), graph.size(), report);

  constexpr std::size_t requests = 10'000;
  std::vector<Recipe> single;
  for (std::size_t i = 0; i < 2 * requests; ++i) {
    single.push_back({{"node", "1"}, {}, {{"single", static_cast<std::int64_t>(i)}}});
  }
  const std::vector<Address> targets = store.put_recipes(single).value();
  for (std::size_t i = 0; i < requests; ++i) executor.materialize(targets[i]).value();
  calls = 0;
  report_allocations("request", allocations_of(executor, std::span(targets).subspan(requests), calls), requests,
                     report);
}

}  // namespace

void measure_memory(const Options& options, Report& report, const fs::path& scratch) {
  const std::size_t nodes = options.n.value_or(1'000'000);
  for (const auto& make : {chain_graph, wide_graph, layered_graph, tree_graph, ladder_graph}) {
    measure_graph(make(nodes), scratch, report);
  }
  measure_coroutines(scratch, report);
  measure_allocations(scratch, report);
}

}  // namespace bench
