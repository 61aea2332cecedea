#include "executor/fair.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/thread_pool.hpp>

#include <deriva/compute/executor.hpp>
#include <deriva/compute/function_registry.hpp>

#include "executor/contender.hpp"
#include "executor/work_graph.hpp"
#include "support/relaxed_store.hpp"
#include "support/samples.hpp"

namespace bench {
namespace {

namespace asio = boost::asio;
using deriva::Address;
using deriva::Blob;

constexpr std::size_t small_nodes = 100;
constexpr std::uint64_t under_way = 1'000;  ///< Functions of the large request that have run when the small one comes.

/// Two requests for graphs whose functions take as long, on one thread.
class FairRun {
 public:
  FairRun(deriva::Store& store, const Address& large, const WorkGraph& graph, const Address& small, const Work& work)
      : store_(store), large_(large), small_(small), expected_(graph.expected()) {
    registry_.add({"large", "1"}, [this, &work](std::span<const Blob> inputs, const deriva::Params&) {
      if (ran_.fetch_add(1, std::memory_order_relaxed) + 1 == under_way) under_way_.set_value();
      return sum(inputs, work);
    });
    registry_.add({"node", "1"},
                  [&work](std::span<const Blob> inputs, const deriva::Params&) { return sum(inputs, work); });
  }

  /// From asking for the small graph to its value, in ns. Not the processor time: of a thread that is running, others
  /// learn it tick by tick.
  double operator()(bool beside) {
    deriva::ExecutorOptions options;
    options.concurrency = 1;
    options.store_results = false;
    options.cache_bytes = 0;
    bool is_over = false;       // Outlives the handlers.
    asio::thread_pool pool(2);  // One for the slot, and one for the handlers.
    deriva::Executor<deriva::FunctionRegistry> executor(pool.get_executor(), store_, registry_, options);
    ran_ = 0;
    under_way_ = std::promise<void>();
    if (beside) {
      executor.async_materialize(large_, {}, [&](const deriva::Result<Blob>& value) { is_over = value.has_value(); });
      under_way_.get_future().wait();
    }
    using Clock = std::chrono::steady_clock;
    std::promise<std::pair<Clock::time_point, std::uint64_t>> answered;
    const Clock::time_point asked = Clock::now();
    executor.async_materialize(small_, {}, [&](const deriva::Result<Blob>& value) {
      require(!is_over, "the large request was over before the small one");
      answered.set_value({Clock::now(), number_in(value.value())});
    });
    const auto [end, value] = answered.get_future().get();
    require(value == expected_, "a wrong value");
    return std::chrono::duration<double, std::nano>(end - asked).count();
  }

 private:
  static Blob sum(std::span<const Blob> inputs, const Work& work) {
    work();
    return blob_of(sum_of(inputs) + 1);
  }

  deriva::Store& store_;
  const Address large_;
  const Address small_;
  const std::uint64_t expected_;
  deriva::FunctionRegistry registry_;
  std::atomic<std::uint64_t> ran_{0};
  std::promise<void> under_way_;
};

void measure(const Options& options, Report& report, deriva::Store& store, const Address& large, const WorkGraph& graph,
             double nanoseconds) {
  const Address small = put_in_batches(store, recipes_of(graph));
  const Work work(static_cast<std::uint64_t>(nanoseconds));
  FairRun run(store, large, graph, small, work);
  constexpr std::size_t rounds = 20;
  Samples samples;
  run(true);
  for (std::size_t i = 0; i < rounds * std::max<std::size_t>(options.repetitions, 1); ++i) {
    const double alone = run(false);
    samples.add("ratio", "", run(true) / (2 * alone + nanoseconds));
  }
  report.add({.id = "executor.fair.small." + graph.shape + (nanoseconds < 10'000 ? ".1us" : ".50us"),
              .value = samples.median("ratio", ""),
              .unit = Unit::factor,
              .goal = 1,
              .peer = "twice the time alone, and one function",
              .peer_value = 1,
              .n = graph.size()});
}

}  // namespace

void measure_fair(const Options& options, Report& report, const std::filesystem::path& scratch) {
  deriva::Store store = open_relaxed(scratch / "fair");
  const WorkGraph graph = wide_graph(options.n.value_or(100'000));
  std::vector<deriva::Recipe> recipes = recipes_of(graph);
  std::vector<Address> addresses;
  for (std::size_t i = 0; i < recipes.size(); ++i) {
    recipes[i].function.name = "large";
    for (std::size_t k = 0; k < recipes[i].inputs.size(); ++k) recipes[i].inputs[k] = addresses[graph.inputs[i][k]];
    addresses.push_back(recipes[i].address());
  }
  const Address large = put_in_batches(store, recipes);
  for (const WorkGraph& small : {tree_graph(small_nodes), chain_graph(small_nodes)}) {
    for (const double nanoseconds : {1e3, 50e3}) measure(options, report, store, large, small, nanoseconds);
  }
}

}  // namespace bench
