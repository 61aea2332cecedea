// The graph, in the engines that one would otherwise use for it.

#include <algorithm>
#include <fstream>
#include <string>

#include "compare/engines.hpp"
#include "compare/plot.hpp"
#include "dag/contest.hpp"

namespace {

using namespace bench;

struct Measure {
  const char* name;  ///< In the contest.
  const char* id;
  const char* title;
  Unit unit;
  Better better;
};

const std::vector<Measure> measures{
    {"fill", "fill", "inserts, batches of 10,000, in memory", Unit::per_second, Better::higher},
    {"sync1", "sync1", "durable inserts, one by one", Unit::per_second, Better::higher},
    {"sync100", "sync100", "durable inserts, batches of 100", Unit::per_second, Better::higher},
    {"sync10k", "sync10k", "durable inserts, batches of 10,000", Unit::per_second, Better::higher},
    {"remove", "remove", "removals, one transaction", Unit::per_second, Better::higher},
    {"open", "open", "new process: open and one question", Unit::nanoseconds, Better::lower},
    {"inputs", "inputs", "inputs of one recipe", Unit::nanoseconds, Better::lower},
    {"dependents", "dependents", "dependents of one recipe", Unit::nanoseconds, Better::lower},
    {"order", "topo", "whole topological order, nodes", Unit::per_second, Better::higher},
    {"hub", "bfs.hub", "transitive dependents of the hub, nodes", Unit::per_second, Better::higher},
    {"middle", "bfs.middle", "transitive dependents of a recipe in the middle, nodes", Unit::per_second,
     Better::higher},
    {"file", "disk.file", "file, bytes per recipe", Unit::bytes, Better::lower},
    {"live", "disk.live", "pages in use, bytes per recipe", Unit::bytes, Better::lower},
    {"compacted", "disk.compacted", "compacted, bytes per recipe", Unit::bytes, Better::lower},
    {"private after walks", "memory.private", "private memory after the walks", Unit::bytes, Better::lower},
};

std::vector<EngineKind> all_engines() {
  return {deriva_engine(),  raw_lmdb_engine(), sqlite_interned_engine(), sqlite_blob_engine(),
          rocksdb_engine(), flat_map_engine(), unordered_map_engine()};
}

std::vector<EngineKind> chosen_engines(const Options& options) {
  std::vector<EngineKind> engines = all_engines();
  if (options.contenders.empty()) return engines;
  std::erase_if(engines, [&](const EngineKind& kind) {
    const auto& names = options.contenders;
    return kind.name != "deriva" && std::find(names.begin(), names.end(), kind.name) == names.end();
  });
  return engines;
}

/// "SQLite interned" is "sqlite_interned" in an id.
std::string in_id(std::string name) {
  for (char& c : name) c = c == ' ' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return name;
}

bool is_sqlite(const EngineKind& kind) { return kind.name.rfind("SQLite", 0) == 0; }

/// One row for each measure and peer: our figure beside theirs, and the ratio.
void add_matrix(Report& report, const Contest& contest) {
  const Samples& samples = contest.samples();
  const std::string ours = contest.kinds().front().name;
  for (const Measure& measure : measures) {
    if (!samples.has(ours, measure.name)) continue;
    for (const EngineKind& kind : contest.kinds()) {
      if (kind.name == ours || !samples.has(kind.name, measure.name)) continue;
      const std::string id = std::string("compare.") + measure.id + "." + in_id(kind.name);
      report.add({id, samples.median(ours, measure.name), measure.unit, std::nullopt, measure.better, kind.name,
                  samples.median(kind.name, measure.name), contest.recipes()});
      const double ratio =
          samples.median(kind.name, measure.name) == 0 ? 0 : samples.ratio(ours, kind.name, measure.name);
      report.add({id + ".ratio", ratio, Unit::factor, std::nullopt, measure.better, kind.name, 1, contest.recipes()});
    }
  }
}

void add_goals(Report& report, const Contest& contest) {
  const Samples& samples = contest.samples();
  const std::string ours = contest.kinds().front().name;
  const auto best = [&](const std::string& measure, const auto& is_peer) {
    std::optional<Row> worst;
    for (const EngineKind& kind : contest.kinds()) {
      if (!is_peer(kind)) continue;
      const double ratio = samples.ratio(ours, kind.name, measure);
      if (!worst || ratio < worst->value)
        worst = Row{"", ratio, Unit::factor, 0, Better::higher, kind.name, 1, contest.recipes()};
    }
    return worst;
  };
  const auto is_rocksdb = [](const EngineKind& kind) { return kind.name == "RocksDB"; };
  const auto add = [&](std::optional<Row> row, const std::string& id, double goal) {
    if (!row) return;
    row->id = id;
    row->goal = goal;
    report.add(*row);
  };
  add(best("sync100", is_rocksdb), "dag.insert.sync100.vs_rocksdb", 4);
  add(best("sync100", is_sqlite), "dag.insert.sync100.vs_sqlite", 7);
  add(best("sync10k", is_rocksdb), "dag.insert.sync10k.vs_rocksdb", 4);
  add(best("sync10k", is_sqlite), "dag.insert.sync10k.vs_sqlite", 7);
}

void plot(const Options& options, const Contest& contest) {
  std::vector<Panel> panels;
  for (const Measure& measure : measures) {
    Panel panel{measure.title, measure.unit, measure.better, {}};
    for (const EngineKind& kind : contest.kinds()) {
      if (!contest.samples().has(kind.name, measure.name)) continue;
      const double value = contest.samples().median(kind.name, measure.name);
      if (value > 0) panel.bars.emplace_back(kind.name, value);
    }
    if (panel.bars.size() > 1) panels.push_back(std::move(panel));
  }
  std::filesystem::create_directories(options.docs);
  write_svg(options.docs / "compare.svg", "A graph of " + std::to_string(contest.recipes()) + " recipes", panels);
}

void run_suite(const Options& options, Report& report) {
  Contest contest(options, chosen_engines(options), options.n.value_or(1'000'000));
  contest.run(options.repetitions);
  add_goals(report, contest);
  add_matrix(report, contest);
  report.note(
      "every engine checks that an entry is new, looks up its inputs and keeps both directions, except raw LMDB, "
      "which puts one value per recipe; the maps in memory are rebuilt from a file when a process starts");
  report.note(
      "SQLite: write-ahead log, synchronous=FULL where durable, page cache 64 MiB. RocksDB: write-ahead log, "
      "sync where durable, Bloom filters, block cache 64 MiB");
  if (!options.docs.empty()) plot(options, contest);
}

}  // namespace

int main(int argc, char** argv) { return suite_main(argc, argv, "compare", run_suite, cold_children(all_engines())); }
