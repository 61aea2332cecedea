#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>

#include <deriva/core/blob.hpp>

#include "executor/work_graph.hpp"

namespace bench {

/// A graph and the work of each node: the same for all contenders, with a count of what was really done.
class Job {
 public:
  Job(const WorkGraph& graph, const Work& work);
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  [[nodiscard]] const WorkGraph& graph() const noexcept { return graph_; }

  /// A node's function on numbers. `sum`: of its inputs.
  std::uint64_t run(std::uint64_t sum) const {
    std::atomic<std::uint64_t>& calls = calls_of_thread();
    calls.store(calls.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    work_();
    return sum + 1;
  }
  /// The same on blobs of eight bytes.
  deriva::Blob run(std::span<const deriva::Blob> inputs) const;

  /// To be called when the last node has its value: throws unless it is the right one and every node ran once.
  void check(const std::string& contender, std::uint64_t value);

 private:
  /// Threads count apart, each in a place that it alone writes to: anything else would take longer than all the rest of
  /// an empty function.
  struct alignas(64) Calls {
    std::atomic<std::uint64_t> count{0};
  };
  struct Place {
    std::uint64_t job = 0;
    std::atomic<std::uint64_t>* calls = nullptr;
  };
  std::atomic<std::uint64_t>& calls_of_thread() const {
    thread_local Place place;
    if (place.job != id_) place = {id_, &calls_.at(places_.fetch_add(1)).count};
    return *place.calls;
  }

  const WorkGraph& graph_;
  const std::uint64_t expected_;
  const Work work_;
  const std::uint64_t id_;  ///< Of no other job.
  mutable std::atomic<std::size_t> places_{0};
  mutable std::array<Calls, 16> calls_{};
};

[[nodiscard]] std::uint64_t number_in(const deriva::Blob& blob);
[[nodiscard]] deriva::Blob blob_of(std::uint64_t number);
[[nodiscard]] std::uint64_t sum_of(std::span<const deriva::Blob> inputs);

/// Computes a job once, with so many threads; returns the time in ns.
using Turn = std::function<double(Job& job, std::size_t threads)>;

/// oneTBB's flow graph: built, run and destroyed, with a node for each node. It keeps values in an array, and knows
/// neither addresses nor memory of earlier runs. Empty if the benchmarks were built without it.
[[nodiscard]] Turn tbb_turn();

/// The obvious design: a coroutine for each node, spawned on a thread pool, that awaits its inputs, and a map with a
/// mutex from addresses to flights.
[[nodiscard]] Turn obvious_turn();

}  // namespace bench
