#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <thread>

#include "observe/bounds.hpp"

namespace deriva::detail {

/// Cells of a histogram: one for each bound, one for what is above, and the sum.
inline constexpr std::size_t histogram_cells = Bounds::count + 2;

/// What is counted without labels that vary.
enum class Count : std::uint8_t {
  requests_started,
  requests_hit,
  requests_computed,
  requests_failed,
  requests_cancelled,
  flights_started,
  flights_joined,
  memory_hits,
  memory_misses,
  store_hits,
  store_misses,
  cache_inserted,
  cache_replaced,
  cache_evicted,
  cache_removed,
  cache_bytes_in,
  cache_bytes_out,
  reasons_first,
  reasons_last = reasons_first + 6,
  verified_equal,
  verified_different,
  verified_failed,
  results_stored,
  commits,
  committed_operations,
  map_growths,
  readers_expired,
  count_
};
enum class Histogram : std::uint8_t { materialize, depth, dag_insert, commit, flush, count_ };

inline constexpr std::size_t counts = static_cast<std::size_t>(Count::count_);
inline constexpr std::size_t shard_cells = counts + static_cast<std::size_t>(Histogram::count_) * histogram_cells;

constexpr std::size_t first_cell(Histogram histogram) {
  return counts + static_cast<std::size_t>(histogram) * histogram_cells;
}

/// Cells of one label: three counters, three histograms.
inline constexpr std::size_t label_counts = 3;
inline constexpr std::size_t label_cells = label_counts + 3 * histogram_cells;

/// What a row of cells is about: its kind, and up to two names.
enum class LabelKind : std::uint8_t { none, function, rpc_method, rpc_status };
using LabelKey = std::uint64_t;
constexpr LabelKey label_key(LabelKind kind, std::uint32_t a, std::uint32_t b = 0) {
  return (static_cast<LabelKey>(kind) << 56U) | (static_cast<LabelKey>(a & 0xFFFFFFFU) << 28U) | (b & 0xFFFFFFFU);
}

/// A number that one thread adds to and others read.
class Cell {
 public:
  void add(std::uint64_t n) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// Cells that belong together: updated by one thread, read as they are between two updates.
template <std::size_t Size>
class CellBlock {
 public:
  /// To be held by the owner while it updates.
  class Update {
   public:
    explicit Update(CellBlock& block) noexcept
        : cells(block.cells_), block_(block), version_(block.version_.load(std::memory_order_relaxed)) {
      block_.version_.store(version_ + 1, std::memory_order_relaxed);
      std::atomic_thread_fence(std::memory_order_release);
    }
    Update(const Update&) = delete;
    Update& operator=(const Update&) = delete;
    ~Update() { block_.version_.store(version_ + 2, std::memory_order_release); }

    void observe(std::size_t first, const Bounds& bounds, std::uint64_t value) noexcept {
      cells[first + bounds.bucket_of(value)].add(1);
      cells[first + Bounds::count + 1].add(value);
    }

    std::array<Cell, Size>& cells;

   private:
    CellBlock& block_;
    std::uint64_t version_;
  };

  /// Adds the cells to what is given, and says which version they are.
  std::uint64_t read(std::array<std::uint64_t, Size>& totals) const {
    constexpr int patience = 64;
    std::array<std::uint64_t, Size> copy;
    for (int attempt = 1;; ++attempt) {
      const std::uint64_t before = version();
      for (std::size_t i = 0; i < Size; ++i) copy[i] = cells_[i].get();
      std::atomic_thread_fence(std::memory_order_acquire);
      if (before % 2 == 0 && version_.load(std::memory_order_relaxed) == before) {
        for (std::size_t i = 0; i < Size; ++i) totals[i] += copy[i];
        return before;
      }
      if (attempt % patience == 0) std::this_thread::yield();  // The owner was interrupted in the middle.
    }
  }
  [[nodiscard]] std::uint64_t version() const noexcept { return version_.load(std::memory_order_acquire); }

 private:
  std::atomic<std::uint64_t> version_{0};
  std::array<Cell, Size> cells_;
};

/// What several shards add up to.
struct MetricTotals {
  std::array<std::uint64_t, shard_cells> cells{};
  std::map<LabelKey, std::array<std::uint64_t, label_cells>> labels;

  [[nodiscard]] std::uint64_t of(Count count) const { return cells[static_cast<std::size_t>(count)]; }
  [[nodiscard]] std::span<const std::uint64_t> of(Histogram histogram) const {
    return std::span(cells).subspan(first_cell(histogram), histogram_cells);
  }
};

/// The cells of one thread.
class alignas(64) MetricShard {
 public:
  using Row = CellBlock<label_cells>;
  using Main = CellBlock<shard_cells>;
  /// Rows of labels that a thread can tell apart; what comes later is counted under the key 0 of its kind.
  static constexpr std::size_t rows = 512;

  /// What has no labels.
  [[nodiscard]] Main& main() noexcept { return main_; }
  /// The row of a label, made when it is first asked for; null if there is no memory for it.
  [[nodiscard]] Row* row(LabelKey key) noexcept {
    const std::size_t place = place_of(key);
    if (keys_[place].load(std::memory_order_relaxed) == key) [[likely]]
      return row_cells_[place].get();
    return find_row(key);
  }

  /// Adds everything to what is given; the version of the main cells.
  std::uint64_t read(MetricTotals& totals) const;
  [[nodiscard]] std::uint64_t version() const noexcept { return main_.version(); }

 private:
  static constexpr std::size_t place_of(LabelKey key) noexcept {
    return static_cast<std::size_t>((key * 0x9E3779B97F4A7C15U) >> 55U) % rows;
  }
  Row* find_row(LabelKey key) noexcept;

  Main main_;
  std::array<std::atomic<LabelKey>, rows> keys_{};
  std::array<std::unique_ptr<Row>, rows> row_cells_;
  std::size_t used_ = 0;
};

}  // namespace deriva::detail
