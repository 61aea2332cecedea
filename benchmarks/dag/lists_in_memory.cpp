#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include <deriva/dag/persistent_dag.hpp>
#include <deriva/storage/environment.hpp>

#include "dag/contest.hpp"
#include "dag/extras.hpp"
#include "support/micro.hpp"
#include "support/scratch.hpp"

namespace bench {
namespace {

using deriva::Address;
using deriva::PersistentDag;

/// Entries by Zipf's law: the n-th most popular one is asked for in proportion to n ^ -0.99.
std::vector<const Entry*> popular(std::span<const Entry> entries, std::size_t questions) {
  std::vector<double> sums;
  double sum = 0;
  for (std::size_t rank = 1; rank <= entries.size(); ++rank) {
    sums.push_back(sum += std::pow(static_cast<double>(rank), -0.99));
  }
  std::mt19937_64 random(5);
  std::vector<std::size_t> by_rank(entries.size());
  for (std::size_t i = 0; i < by_rank.size(); ++i) by_rank[i] = i;
  std::shuffle(by_rank.begin(), by_rank.end(), random);
  std::uniform_real_distribution<double> point(0, sum);
  std::vector<const Entry*> out;
  for (std::size_t i = 0; i < questions; ++i) {
    const auto found = std::lower_bound(sums.begin(), sums.end() - 1, point(random));
    out.push_back(&entries[by_rank[static_cast<std::size_t>(found - sums.begin())]]);
  }
  return out;
}

PersistentDag<> open_with(deriva::Environment& environment, std::size_t lists) {
  deriva::PersistentDagOptions options;
  options.lru_entries = lists;
  return PersistentDag<>::open(environment, options).value();
}

}  // namespace

void measure_lists_in_memory(const Options& options, Report& report, std::size_t n) {
  const Workload workload(Workload::Options{n});
  const Scratch scratch(memory_directory(room_for(n, 1), options.scratch));
  {
    const auto engine = deriva_engine().open(scratch.path(), Commits::relaxed);
    in_batches(workload.entries(), 10'000, [&](std::span<const Entry> part) { engine->insert(part); });
  }
  const std::vector<const Entry*> questions = popular(workload.entries(), 1'000'000);
  deriva::Environment environment = deriva::Environment::open(scratch.path()).value();
  const PersistentDag<> with = open_with(environment, 1'000);
  const PersistentDag<> without = open_with(environment, 0);
  Micro micro;
  const auto ask = [&questions](const PersistentDag<>& dag) {
    return [&questions, &dag](benchmark::State& state) {
      std::size_t at = static_cast<std::size_t>(state.thread_index()) * questions.size() / 2;
      std::size_t lost = 0;
      for (auto _ : state) {
        const Entry& entry = *questions[at++ % questions.size()];
        lost += dag.inputs(entry.first).value().value().size() == entry.second.size() ? 0U : 1U;
      }
      if (lost != 0) state.SkipWithError("inputs are missing");
    };
  };
  micro.add("with, one", ask(with));
  micro.add("without, one", ask(without));
  micro.add("with, two", ask(with), 2);
  micro.add("without, two", ask(without), 2);
  const auto times = micro.run(options.repetitions);
  const deriva::AdjacencyStats stats = with.cache_stats();
  for (const std::string threads : {"one", "two"}) {
    const double ours = times.at("with, " + threads);
    const double peer = times.at("without, " + threads);
    report.add({"dag.lru." + threads, ours, Unit::nanoseconds, std::nullopt, Better::lower, "without lists", peer, n});
    report.add({"dag.lru." + threads + ".ratio", ours / peer, Unit::factor, std::nullopt, Better::lower,
                "without lists", 1, n});
  }
  const double hits = static_cast<double>(stats.hits) / static_cast<double>(stats.hits + stats.misses);
  report.add({"dag.lru.hits", hits, Unit::factor, std::nullopt, Better::higher, "", std::nullopt, n});
  report.note(
      "dag.lru: inputs(key), keys by Zipf's law with exponent 0.99, with 1,000 lists in memory, by one thread and by "
      "two "
      "at the same time; dag.lru.hits: share of the questions that found a list");
}

}  // namespace bench
