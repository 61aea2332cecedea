#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "dag/engine.hpp"
#include "dag/workload.hpp"
#include "support/samples.hpp"
#include "support/suite.hpp"

namespace bench {

/// How much of the workload each part of a contest takes.
struct Sizes {
  explicit Sizes(std::size_t recipes);
  [[nodiscard]] std::size_t total() const noexcept { return fill + single + hundreds + large + tail; }

  std::size_t fill;      ///< In batches of 10,000 into memory, where a flush costs nothing.
  std::size_t single;    ///< Then, durable, one by one: of a large graph more than its journal takes;
  std::size_t hundreds;  ///< in batches of 100;
  std::size_t large;     ///< in batches of 10,000;
  std::size_t tail;      ///< in small ones, as many as the engine's unmerged tail takes.
};

/// What engines measured, under these names: "fill", "sync1", "sync100", "sync10k", "remove" (recipes per second),
/// "sync1 written" and so on (bytes handed to the system per recipe), "sync1 cpu" and so on (ns of processor time per
/// recipe),
/// "p99/median" (of the processor time of the fill's commits, where nothing waits), "file", "live", "compacted" (bytes
/// per recipe), "open" (a new process that opens and asks once), "inputs", "dependents" (ns), "order", "hub", "middle"
/// (nodes per second), "private", "private after walks", "mapped" (bytes).
class Contest {
 public:
  Contest(const Options& options, std::vector<EngineKind> kinds, std::size_t recipes);
  ~Contest();

  /// Lets the engines take turns, part by part; each round begins with nothing.
  void run(std::size_t rounds);

  /// Among the samples beside the engines, with "sync1": LMDB that commits one changed page.
  static constexpr const char* one_page = "LMDB, one page";

  [[nodiscard]] const Samples& samples() const noexcept { return samples_; }
  [[nodiscard]] const std::vector<EngineKind>& kinds() const noexcept { return kinds_; }
  [[nodiscard]] std::size_t recipes() const noexcept { return sizes_.fill; }

 private:
  class Contender;
  class OnePage;

  void run_round();

  const Options& options_;
  std::vector<EngineKind> kinds_;
  Sizes sizes_;
  Workload workload_;
  Samples samples_;
  std::uint32_t turn_ = 0;
};

/// What a new process that opened the engine found: the memory that was its own after the first question, and after
/// walks in both directions; and what was mapped.
struct Cold {
  double private_bytes = 0;
  double private_after_walks = 0;
  double mapped_bytes = 0;
};
[[nodiscard]] Cold open_and_walk(const EngineKind& kind, const std::filesystem::path& directory, const Entry& question,
                                 const deriva::Address& hub);
/// How long opening and the first question take in a new process, in ns. Without the walks, which leave the kernel much
/// memory to clear up: a process that opens then waits for that.
[[nodiscard]] double open_cold(const EngineKind& kind, const std::filesystem::path& directory, const Entry& question);
/// The other side of both: to be among the children of the suite.
[[nodiscard]] Children cold_children(const std::vector<EngineKind>& kinds);

/// Adds entries in small batches until the engine has about as many unmerged ones as it ever has. Does nothing with an
/// engine that has none. Returns how many it added.
std::size_t fill_tail(Engine& engine, std::span<const Entry> entries);

/// Room in bytes to ask for when a graph of this size is written to memory, by each of the engines.
[[nodiscard]] std::uint64_t room_for(std::size_t recipes, std::size_t engines);

}  // namespace bench
