#include "dag/contest.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <random>
#include <span>
#include <stdexcept>

#include "support/raw_lmdb.hpp"
#include "support/scratch.hpp"

namespace bench {
namespace {

using deriva::Address;
namespace fs = std::filesystem;

constexpr std::size_t large_batch = 10'000;
constexpr std::size_t slices = 4;
constexpr double long_walk = 2e9;       // ns
constexpr double enough_walks = 200e6;  // ns, of all repetitions

fs::path fresh(const fs::path& directory) {
  fs::remove_all(directory);
  fs::create_directories(directory);
  fs::permissions(directory, fs::perms::owner_all);
  return directory;
}

/// The first of the entries that one soon after it needs.
Address needed_entry(std::span<const Entry> entries) {
  constexpr std::size_t soon = 1'000;
  for (std::size_t at = 0; at < entries.size(); ++at) {
    for (const auto& [key, inputs] : entries.subspan(at, std::min(soon, entries.size() - at))) {
      if (std::ranges::find(inputs, entries[at].first) != inputs.end()) return entries[at].first;
    }
  }
  throw std::logic_error("no entry needs another one");
}

}  // namespace

Sizes::Sizes(std::size_t recipes)
    : fill(recipes),
      single(std::clamp<std::size_t>(recipes / 400 * 4, 400, 4'500)),
      hundreds(std::clamp<std::size_t>(recipes / 20 / 400 * 400, 2'000, 23'200)),
      large(std::clamp<std::size_t>(recipes / 4 / 40'000 * 40'000, 40'000, 200'000)),
      tail(2'500) {}

/// One engine in one round.
class Contest::Contender {
 public:
  Contender(const EngineKind& kind, const Sizes& sizes, const Workload& workload, const fs::path& memory,
            const fs::path& disk, Samples& samples)
      : kind_(kind), sizes_(sizes), workload_(workload), memory_(memory), disk_(disk), samples_(samples) {}

  void fill() {
    engine_ = kind_.open(fresh(memory_.path() / "graph"), Commits::relaxed);
    std::vector<double> cpu_times;
    const auto insert = [&](std::span<const Entry> batch) {
      cpu_times.push_back(cpu_nanoseconds([&] { engine_->insert(batch); }));
    };
    add("fill",
        rate(sizes_.fill, nanoseconds([&] { in_batches(workload_.entries(0, sizes_.fill), large_batch, insert); })));
    add("p99/median", percentile(cpu_times, 0.99) / median(cpu_times));
  }

  /// Brings the graph to the disk; measures how large it is there, and how large when packed.
  void settle() {
    const fs::path directory = fresh(disk_.path() / "graph");
    if (!kind_.on_disk) return keep_entries(directory, workload_.entries(0, sizes_.fill));
    engine_.reset();
    const DiskUsage usage = kind_.disk(memory_.path() / "graph");
    add("file", per_recipe(usage.file));
    add("live", per_recipe(usage.live));
    copy_flushed(memory_.path() / "graph", directory);
    const bool packed = kind_.open(memory_.path() / "graph", Commits::relaxed)->compact();
    if (packed) add("compacted", per_recipe(kind_.disk(memory_.path() / "graph").live));
    fs::remove_all(memory_.path() / "graph");
    engine_ = kind_.open(directory, Commits::durable);
  }

  /// A slice of the durable inserts.
  void commit(const std::string& measure, std::size_t batch, std::size_t first, std::size_t count) {
    if (!kind_.on_disk) return;
    const std::uint64_t written = written_bytes();
    commit_cpu_ += cpu_nanoseconds([&] {
      commit_time_ += nanoseconds([&] {
        in_batches(workload_.entries(first, count), batch, [&](std::span<const Entry> part) { engine_->insert(part); });
      });
    });
    commit_bytes_ += written_bytes() - written;
    commit_count_ += count;
    if (++commit_slices_ < slices) return;
    add(measure, rate(commit_count_, commit_time_));
    add(measure + " written", static_cast<double>(commit_bytes_) / static_cast<double>(commit_count_));
    add(measure + " cpu", commit_cpu_ / static_cast<double>(commit_count_));
    commit_time_ = commit_cpu_ = 0;
    commit_bytes_ = 0;
    commit_count_ = commit_slices_ = 0;
  }

  void ask() {
    constexpr std::size_t questions = 20'000;
    std::mt19937_64 random(3);
    std::vector<const Entry*> asked(questions);
    for (const Entry*& entry : asked) entry = &workload_.entries()[1 + random() % (sizes_.fill - 1)];
    std::size_t expected = 0;
    for (const Entry* entry : asked) expected += entry->second.size();
    const auto measure = [&](const std::string& name, const auto& question) {
      std::size_t found = 0;
      for (std::size_t i = 0; i < questions / 10; ++i) question(asked[i]->first);  // the first ones find cold caches
      add(name, nanoseconds([&] {
                  for (const Entry* entry : asked) found += question(entry->first);
                }) / questions);
      return found;
    };
    require(measure("inputs", [&](const Address& key) { return engine_->inputs(key); }) == expected,
            kind_.name + " lost inputs");
    if (!kind_.walks) return;
    require(measure("dependents", [&](const Address& key) { return engine_->dependents(key); }) > questions,
            kind_.name + " lost dependents");
  }

  /// Walks again and again for a while; the first walk, which finds cold caches, counts only if it took long. What the
  /// engines found is to be the same.
  void walk(std::map<std::string, std::size_t>& found) {
    if (!kind_.walks) return;
    const auto measure = [&](const std::string& name, const std::function<std::size_t()>& walk) {
      std::size_t nodes = 0;
      const double first = nanoseconds([&] { nodes = walk(); });
      std::vector<double> times;
      if (first >= long_walk) times.push_back(first);
      for (double total = 0; first < long_walk && total < enough_walks; total += times.back()) {
        times.push_back(nanoseconds([&] { require(walk() == nodes, kind_.name + " changed its mind: " + name); }));
      }
      add(name, rate(nodes, median(times)));
      const std::size_t expected = found.try_emplace(kind_.on_disk ? name : name + " in memory", nodes).first->second;
      require(nodes > 0 && nodes == expected, kind_.name + " visited another number of nodes: " + name);
    };
    const Address middle = needed_entry(workload_.entries().subspan(sizes_.fill / 2));
    measure("order", [&] { return engine_->topological_order(); });
    measure("hub", [&] { return engine_->transitive_dependents(workload_.hub()); });
    measure("middle", [&] { return engine_->transitive_dependents(middle); });
  }

  void open() {
    if (kind_.on_disk)
      static_cast<void>(fill_tail(*engine_, workload_.entries(sizes_.total() - sizes_.tail, sizes_.tail)));
    engine_.reset();
    constexpr std::size_t most_openings = 9;
    constexpr double long_enough = 2e8;  // In ns.
    std::vector<double> times;
    for (double total = 0; times.size() < most_openings && total < long_enough; total += times.back()) {
      times.push_back(open_cold(kind_, disk_.path() / "graph", question()));
    }
    add("open", median(std::move(times)));
  }

  void walk_afresh() {
    const Cold cold = open_and_walk(kind_, disk_.path() / "graph", question(), workload_.hub());
    add("private", cold.private_bytes);
    add("private after walks", cold.private_after_walks);
    add("mapped", cold.mapped_bytes);
  }

  void remove() {
    if (!kind_.on_disk) return;
    engine_ = kind_.open(disk_.path() / "graph", Commits::durable);
    const std::vector<Address> keys = workload_.unneeded(sizes_.total() - sizes_.tail, sizes_.fill / 10);
    add("remove", rate(keys.size(), nanoseconds([&] { engine_->remove(keys); })));
    engine_.reset();
  }

 private:
  void add(const std::string& measure, double value) { samples_.add(kind_.name, measure, value); }
  [[nodiscard]] const Entry& question() const { return workload_.entries()[sizes_.fill / 2]; }
  [[nodiscard]] double per_recipe(double bytes) const { return bytes / static_cast<double>(sizes_.fill); }

  const EngineKind& kind_;
  const Sizes& sizes_;
  const Workload& workload_;
  Scratch memory_;
  Scratch disk_;
  Samples& samples_;
  std::unique_ptr<Engine> engine_;
  double commit_time_ = 0;
  double commit_cpu_ = 0;
  std::uint64_t commit_bytes_ = 0;
  std::size_t commit_count_ = 0;
  std::size_t commit_slices_ = 0;
};

/// LMDB alone, which commits one changed page as often as the engines insert one entry: no durable insert into LMDB
/// takes less.
class Contest::OnePage {
 public:
  OnePage(const fs::path& scratch, Samples& samples)
      : disk_(scratch), lmdb_(fresh(disk_.path() / "page"), RawLmdb::Flush::all), samples_(samples) {}

  void commit(const std::string& measure, std::size_t count) {
    time_ += nanoseconds([&] {
      for (std::size_t i = 0; i < count; ++i, ++number_) lmdb_.put(items_);
    });
    count_ += count;
    if (++slices_ == slices) samples_.add(Contest::one_page, measure, rate(count_, time_));
  }

 private:
  Scratch disk_;
  RawLmdb lmdb_;
  Samples& samples_;
  double time_ = 0;
  std::size_t count_ = 0;
  std::size_t slices_ = 0;
  std::uint64_t number_ = 0;
  const std::vector<RawLmdb::Item> items_{{deriva::as_bytes("one page"), std::as_bytes(std::span(&number_, 1))}};
};

Contest::Contest(const Options& options, std::vector<EngineKind> kinds, std::size_t recipes)
    : options_(options), kinds_(std::move(kinds)), sizes_(recipes), workload_(Workload::Options{sizes_.total()}) {}

Contest::~Contest() = default;

void Contest::run(std::size_t rounds) {
  for (std::size_t round = 0; round < rounds; ++round) run_round();
}

void Contest::run_round() {
  const fs::path memory = memory_directory(room_for(sizes_.total(), kinds_.size()), options_.scratch);
  std::vector<std::unique_ptr<Contender>> contenders;
  for (const EngineKind& kind : kinds_) {
    contenders.push_back(std::make_unique<Contender>(kind, sizes_, workload_, memory, options_.scratch, samples_));
  }
  const auto each = [&](const std::function<void(Contender&)>& part) {
    std::vector<std::function<void()>> calls;
    for (const auto& contender : contenders) calls.emplace_back([&] { part(*contender); });
    take_turns(1, calls, ++turn_);
  };
  each([](Contender& contender) { contender.fill(); });
  each([](Contender& contender) { contender.settle(); });
  std::size_t first = sizes_.fill;
  OnePage page(options_.scratch, samples_);
  const auto commits = [&](const std::string& measure, std::size_t batch, std::size_t count) {
    for (std::size_t slice = 0; slice < slices; ++slice, first += count / slices) {
      each([&](Contender& contender) { contender.commit(measure, batch, first, count / slices); });
      if (batch == 1) page.commit(measure, count / slices);
    }
  };
  commits("sync1", 1, sizes_.single);
  commits("sync100", 100, sizes_.hundreds);
  commits("sync10k", large_batch, sizes_.large);
  each([](Contender& contender) { contender.ask(); });
  std::map<std::string, std::size_t> found;
  each([&](Contender& contender) { contender.walk(found); });
  each([](Contender& contender) { contender.open(); });
  each([](Contender& contender) { contender.walk_afresh(); });
  each([](Contender& contender) { contender.remove(); });
}

}  // namespace bench
