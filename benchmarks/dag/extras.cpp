#include "dag/extras.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include <deriva/dag/persistent_dag.hpp>
#include <deriva/storage/environment.hpp>

#include "dag/contest.hpp"
#include "support/micro.hpp"
#include "support/scratch.hpp"

namespace bench {
namespace {

using deriva::Address;
namespace fs = std::filesystem;

constexpr std::size_t batch = 10'000;
/// What other processes leave in the caches makes single openings take up to twice as long.
constexpr std::size_t openings_per_round = 25;
const std::string ours = "deriva";

fs::path fresh(const fs::path& directory) {
  fs::remove_all(directory);
  fs::create_directories(directory);
  fs::permissions(directory, fs::perms::owner_all);
  return directory;
}

/// By key, which is how LMDB itself is filled fastest.
std::vector<Entry> sorted(std::span<const Entry> entries) {
  std::vector<Entry> out(entries.begin(), entries.end());
  std::ranges::sort(out, {}, [](const Entry& entry) { return entry.first; });
  return out;
}

/// Fills an engine with entries; returns how long each commit took, in ns.
std::vector<double> fill(const EngineKind& kind, const fs::path& directory, std::span<const Entry> entries) {
  const auto engine = kind.open(fresh(directory), Commits::relaxed);
  std::vector<double> times;
  in_batches(entries, batch,
             [&](std::span<const Entry> part) { times.push_back(nanoseconds([&] { engine->insert(part); })); });
  return times;
}

void measure_open_at(const Options& options, Report& report, const std::string& size, std::size_t n) {
  const std::string id = "dag.open." + size;
  constexpr std::size_t tail = 2'500;
  std::vector<EngineKind> kinds{deriva_engine(), raw_lmdb_engine()};
  if (n <= 1'000'000) kinds.push_back(unordered_map_engine());
  const Workload workload(Workload::Options{n + tail});
  const Scratch scratch(options.scratch);
  const Entry& question = workload.entries()[n / 2];
  Samples samples;
  for (const EngineKind& kind : kinds) {
    const fs::path directory = scratch.path() / kind.name;
    if (kind.name == ours) {
      const std::vector<double> times = fill(kind, directory, workload.entries(0, n));
      samples.add(kind.name, "p99", percentile(times, 0.99) / median(times));
      static_cast<void>(fill_tail(*kind.open(directory, Commits::relaxed), workload.entries(n, tail)));
    } else if (kind.on_disk) {
      static_cast<void>(fill(kind, directory, sorted(workload.entries(0, n))));
    } else {
      keep_entries(fresh(directory), workload.entries(0, n));
    }
  }
  const auto open = [&](const EngineKind& kind) { return open_cold(kind, scratch.path() / kind.name, question); };
  for (std::size_t round = 0; round < options.repetitions; ++round) {
    Samples openings;
    std::vector<std::function<void()>> turns;
    for (const EngineKind& kind : kinds) {
      if (kind.on_disk) turns.emplace_back([&] { openings.add(kind.name, "open", open(kind)); });
    }
    take_turns(openings_per_round, turns, static_cast<std::uint32_t>(round + 1));
    for (const EngineKind& kind : kinds) {
      samples.add(kind.name, "open", kind.on_disk ? openings.median(kind.name, "open") : open(kind));
    }
  }
  const std::string raw = kinds[1].name;
  report.add({id, samples.median(ours, "open"), Unit::nanoseconds, 200'000, Better::lower, raw + " open + get",
              samples.median(raw, "open"), n});
  report.add(
      {id + ".vs_raw", samples.ratio(ours, raw, "open"), Unit::factor, 5, Better::lower, raw + " open + get", 1, n});
  report.add({"dag.insert.p99_to_median." + size, samples.median(ours, "p99"), Unit::factor, 3, Better::lower, "",
              std::nullopt, n});
  if (kinds.size() < 3) return;
  report.add({id + ".vs_rebuild", samples.ratio(kinds[2].name, ours, "open"), Unit::factor,
              n == 1'000'000 ? std::optional<double>(5'000) : std::nullopt, Better::higher,
              "unordered_map, filled from a file", 1, n});
}

}  // namespace

void measure_open(const Options& options, Report& report, std::size_t n) {
  const std::map<std::size_t, std::string> sizes{{100'000, "100k"}, {1'000'000, "1m"}, {10'000'000, "10m"}};
  for (const auto& [recipes, size] : sizes) {
    if (recipes <= 10 * n) measure_open_at(options, report, size, recipes);
  }
  report.note(
      "dag.open: a new process each time that opens and asks for the inputs of one key, timed inside; the median of " +
      std::to_string(openings_per_round) +
      " in each round; its pages are in the page cache; the unmerged tail is full; raw LMDB was filled in the order of "
      "its keys, which leaves its tree no deeper; p99_to_median: of the commits of 10,000 that filled it, on the disk");
}

void measure_unusual_inserts(const Options& options, Report& report, std::size_t n) {
  const Workload with_hub(Workload::Options{n});
  const Workload without_hub(Workload::Options{n, 2, false});
  const std::vector<Entry> shuffled = with_hub.shuffled(1'000);
  const EngineKind kind = deriva_engine();
  const Scratch scratch(memory_directory(room_for(n, 1), options.scratch));
  const fs::path directory = scratch.path() / "graph";
  Samples samples;
  const auto turn = [&](const std::string& name, std::span<const Entry> entries) {
    return [&, name, entries] {
      const std::vector<double> times = fill(kind, directory, entries);
      const double total = std::accumulate(times.begin(), times.end(), 0.0);
      samples.add(name, "insert", total / static_cast<double>(entries.size()));
    };
  };
  take_turns(options.repetitions,
             {turn("hub", with_hub.entries()), turn("plain", without_hub.entries()), turn("late", shuffled)});
  report.add({"dag.insert.hub", samples.ratio("hub", "plain", "insert"), Unit::factor, 1.1, Better::lower,
              "a graph without a hub", 1, n});
  report.add({"dag.insert.late", 1e9 / samples.median("late", "insert"), Unit::per_second, 250'000, Better::higher,
              "inputs first", 1e9 / samples.median("hub", "insert"), n});
  report.note(
      "dag.insert.hub and .late: batches of 10,000 in a file system in memory; late: recipes shuffled within "
      "1,000, so that inputs arrive after what depends on them");
}

void measure_readers(const Options& options, Report& report, std::size_t n) {
  const Workload workload(Workload::Options{n});
  const Scratch scratch(options.scratch);
  const EngineKind kind = deriva_engine();
  static_cast<void>(fill(kind, scratch.path() / "graph", workload.entries()));
  deriva::Environment environment = deriva::Environment::open(scratch.path() / "graph").value();
  const auto dag = deriva::PersistentDag<>::open(environment).value();
  Micro micro;
  const auto ask = [&](benchmark::State& state) {
    std::mt19937_64 random(static_cast<std::uint64_t>(state.thread_index()) + 1);
    std::size_t lost = 0;
    for (auto _ : state) {
      const Entry& entry = workload.entries()[random() % n];
      std::size_t inputs = 0;
      const bool known = dag.for_each_input(entry.first, [&](const Address&) { return ++inputs, true; }).value();
      lost += known && inputs == entry.second.size() ? 0U : 1U;
    }
    if (lost != 0) state.SkipWithError("inputs are missing");
  };
  micro.add("one", ask);
  micro.add("two", ask, 2);
  micro.add("size", [&](benchmark::State& state) {
    std::uint64_t different = 0;
    for (auto _ : state) different += dag.size() == n ? 0U : 1U;
    if (different != 0) state.SkipWithError("the size is wrong");
  });
  const auto times = micro.run(options.repetitions);
  report.add({"dag.readers.2_vs_1", times.at("one") / times.at("two"), Unit::factor, 1.8, Better::higher,
              "one reader thread", 1, n});
  report.add(
      {"dag.inputs.visited", times.at("one"), Unit::nanoseconds, std::nullopt, Better::lower, "", std::nullopt, n});
  report.add({"dag.size", times.at("size"), Unit::nanoseconds, std::nullopt, Better::lower, "", std::nullopt, n});
}

}  // namespace bench
