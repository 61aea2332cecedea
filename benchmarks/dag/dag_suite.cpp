// The graph on disk, against LMDB with nothing around it and against a graph in memory.

#include <string>

#include "dag/contest.hpp"
#include "dag/extras.hpp"

namespace {

using namespace bench;

const std::string ours = "deriva";
const std::string raw = "raw LMDB";
const std::string flat = "unordered_flat_map";

std::vector<EngineKind> engines() {
  return {deriva_engine(), raw_lmdb_engine(), flat_map_engine(), unordered_map_engine()};
}

/// Adds rows about one contest.
class Rows {
 public:
  Rows(Report& report, const Contest& contest) : report_(report), samples_(contest.samples()), n_(contest.recipes()) {}

  void rate(const std::string& id, const std::string& measure, std::optional<double> goal, const std::string& peer) {
    add(id, measure, Unit::per_second, goal, Better::higher, peer);
  }
  void cost(const std::string& id, const std::string& measure, Unit unit, std::optional<double> goal,
            const std::string& peer) {
    add(id, measure, unit, goal, Better::lower, peer);
  }
  void ratio(const std::string& id, const std::string& measure, double goal, Better better, const std::string& peer,
             const std::string& peer_measure) {
    const double value = measure == peer_measure ? samples_.ratio(ours, peer, measure)
                                                 : samples_.median(ours, measure) / samples_.median(peer, peer_measure);
    report_.add({id, value, Unit::factor, goal, better, peer, 1, n_});
  }
  /// What LMDB's commit of one page would be worth where ours is measured.
  void one_page(const std::string& id, const std::string& measure) {
    report_.add({id, samples_.median(Contest::one_page, measure), Unit::per_second, std::nullopt, Better::higher, raw,
                 samples_.median(raw, measure), n_});
    report_.add({id + ".vs_raw", samples_.ratio(Contest::one_page, raw, measure), Unit::factor, std::nullopt,
                 Better::higher, raw, 1, n_});
  }
  /// A measure of ours that is a ratio already.
  void factor(const std::string& id, const std::string& measure, double goal) {
    report_.add({id, samples_.median(ours, measure), Unit::factor, goal, Better::lower, "", std::nullopt, n_});
  }

 private:
  void add(const std::string& id, const std::string& measure, Unit unit, std::optional<double> goal, Better better,
           const std::string& peer) {
    if (!samples_.has(ours, measure)) return;
    Row row{id, samples_.median(ours, measure), unit, goal, better, "", std::nullopt, n_};
    if (samples_.has(peer, measure)) {
      row.peer = peer;
      row.peer_value = samples_.median(peer, measure);
    }
    report_.add(row);
  }

  Report& report_;
  const Samples& samples_;
  std::uint64_t n_;
};

void add_insert_rows(Rows& rows) {
  struct Insert {
    const char* id;
    const char* measure;
    double goal;
  };
  for (const Insert& insert : {Insert{"fill", "fill", 1.2}, Insert{"sync1", "sync1", 1.5},
                               Insert{"sync100", "sync100", 3.0}, Insert{"sync10k", "sync10k", 2.0}}) {
    const std::string id = std::string("dag.insert.") + insert.id;
    rows.rate(id, insert.measure, std::nullopt, raw);
    rows.ratio(id + ".vs_raw", insert.measure, insert.goal, Better::higher, raw, insert.measure);
    rows.cost(id + ".cpu", std::string(insert.measure) + " cpu", Unit::nanoseconds, std::nullopt, raw);
    rows.cost(id + ".written", std::string(insert.measure) + " written", Unit::bytes, std::nullopt, raw);
  }
  rows.one_page("dag.insert.sync1.one_page", "sync1");
  rows.factor("dag.insert.fill.p99_to_median", "p99/median", 3);
}

void run_suite(const Options& options, Report& report) {
  const std::size_t n = options.n.value_or(1'000'000);
  Contest contest(options, engines(), n);
  contest.run(options.repetitions);
  Rows rows(report, contest);
  add_insert_rows(rows);
  rows.cost("dag.disk.live", "live", Unit::bytes, 70, raw);
  rows.cost("dag.disk.file", "file", Unit::bytes, 90, raw);
  rows.cost("dag.disk.compacted", "compacted", Unit::bytes, 62, raw);
  rows.cost("dag.memory.opened", "private", Unit::bytes, 200 * 1024, flat);
  rows.cost("dag.memory.private", "private after walks", Unit::bytes, 1024 * 1024, flat);
  rows.cost("dag.memory.mapped", "mapped", Unit::bytes, std::nullopt, flat);
  rows.rate("dag.topo", "order", 300e6, flat);
  rows.rate("dag.bfs.hub", "hub", 30e6, flat);
  rows.rate("dag.bfs.middle", "middle", 30e6, flat);
  rows.ratio("dag.bfs.hub.vs_flat_map", "hub", 1.5, Better::higher, flat, "hub");
  rows.ratio("dag.bfs.middle.vs_flat_map", "middle", 1.5, Better::higher, flat, "middle");
  rows.cost("dag.inputs", "inputs", Unit::nanoseconds, std::nullopt, raw);
  rows.cost("dag.dependents", "dependents", Unit::nanoseconds, std::nullopt, flat);
  rows.ratio("dag.inputs.vs_raw", "inputs", 1.2, Better::lower, raw, "inputs");
  rows.ratio("dag.dependents.vs_raw", "dependents", 2, Better::lower, raw, "inputs");
  rows.rate("dag.remove", "remove", std::nullopt, raw);
  rows.ratio("dag.remove.vs_raw", "remove", 0.8, Better::higher, raw, "remove");
  report.note(
      "fill: batches of 10,000 in a file system in memory, the p99 of the processor time of each; sync1, sync100, "
      "sync10k: single inserts and batches, durable, onto the filled graph on the disk; raw LMDB puts one value per "
      "recipe in one direction, unchecked; cpu: processor time per recipe, the kernel's included; one_page: LMDB that "
      "commits one changed page at a time, which no single insert into it can be faster than");
  measure_open(options, report, n);
  measure_unusual_inserts(options, report, n);
  measure_readers(options, report, n);
  measure_lists_in_memory(options, report, n);
}

}  // namespace

int main(int argc, char** argv) { return suite_main(argc, argv, "dag", run_suite, cold_children(engines())); }
