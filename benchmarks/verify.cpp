// What verification costs: nothing when it is off, and little more than the second execution when it is on.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <deriva/compute/executor.hpp>
#include <deriva/compute/function_registry.hpp>
#include <deriva/store/store.hpp>

#include "executor/work_graph.hpp"
#include "support/relaxed_store.hpp"
#include "support/samples.hpp"
#include "support/scratch.hpp"
#include "support/suite.hpp"

namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using bench::Better;
using bench::Samples;
using bench::Unit;
using deriva::Address;
using deriva::Blob;
using deriva::Verify;

constexpr std::size_t threads = 2;

/// The processor time of the process, all its threads included, in ns.
double cpu_time() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

deriva::ExecutorOptions in_memory() {
  deriva::ExecutorOptions options;
  options.concurrency = threads;
  options.store_results = false;
  options.cache_bytes = 0;
  return options;
}

/// Empty functions: all that there is to see is what the executor does beside them.
void measure_off(const bench::Options& options, bench::Report& report, deriva::Store& store) {
  const std::size_t nodes = options.n.value_or(100'000);
  const bench::WorkGraph graph = bench::tree_graph(nodes);
  const Address root = store.put_recipes(bench::recipes_of(graph)).value().back();
  deriva::FunctionRegistry registry;
  registry.add({"node", "1"}, [](std::span<const Blob>, const deriva::Params&) { return Blob(); });
  asio::thread_pool pool(threads);
  deriva::Executor executor(pool.get_executor(), store, registry, in_memory());
  Samples samples;
  const auto contender = [&](const std::string& name, const Verify& verify) {
    return [&samples, &executor, root, name, verify] {
      deriva::MaterializeOptions request;
      request.verify = verify;
      samples.add(name, "", bench::nanoseconds([&] { executor.materialize(root, request).value(); }));
    };
  };
  // A rate that chooses nothing has to draw for every recipe, which is what being off must not cost.
  bench::take_turns(std::max<std::size_t>(options.repetitions, 21),
                    {contender("off", Verify::off()), contender("again", Verify::off()),
                     contender("none chosen", Verify::sampled(1e-15))});
  report.add({"verify.off.overhead", samples.ratio("off", "none chosen", ""), Unit::factor, 1.01, Better::lower,
              "a rate that chooses nothing", 1.0, graph.size()});
  report.add({"verify.off.noise", samples.ratio("off", "again", ""), Unit::factor, std::nullopt, Better::lower,
              "the same once more", 1.0, graph.size()});
}

/// One function of 5 ms.
void measure_always(const bench::Options& options, bench::Report& report, deriva::Store& store) {
  const bench::Work work(5'000'000);
  deriva::FunctionRegistry registry;
  registry.add({"works", "1"}, [&work](std::span<const Blob>, const deriva::Params&) {
    work();
    return Blob();
  });
  asio::thread_pool pool(threads);
  deriva::Executor executor(pool.get_executor(), store, registry, in_memory());
  std::int64_t number = 0;
  Samples samples;
  const auto contender = [&](const std::string& name, const Verify& verify) {
    return [&, name, verify] {
      const Address address = store.put_recipe({{"works", "1"}, {}, {{"number", ++number}}}).value();
      deriva::MaterializeOptions request;
      request.verify = verify;
      const double before = cpu_time();
      samples.add(name, "wall", bench::nanoseconds([&] {
                    executor.async_materialize(address, request, asio::use_future).get().value();
                  }));
      samples.add(name, "cpu", cpu_time() - before);
    };
  };
  bench::take_turns(std::max<std::size_t>(options.repetitions, 41),
                    {contender("off", Verify::off()), contender("always", Verify::always())});
  report.add({"verify.always.wall", samples.ratio("always", "off", "wall"), Unit::factor, 1.15, Better::lower,
              "without verification", 1.0, 1});
  report.add({"verify.always.cpu", samples.ratio("always", "off", "cpu"), Unit::factor, 2.1, Better::lower,
              "without verification", 1.0, 1});
}

void run_suite(const bench::Options& options, bench::Report& report) {
  const bench::Scratch scratch(options.scratch);
  deriva::Store store = bench::open_relaxed(scratch.path() / "verify");
  measure_off(options, report, store);
  measure_always(options, report, store);
}

}  // namespace

int main(int argc, char** argv) { return bench::suite_main(argc, argv, "verify", run_suite); }
