#include "observe/metric_cells.hpp"

#include <new>

namespace deriva::detail {
namespace {

constexpr std::size_t spare_rows = 8;  // For the keys that stand for all others.

constexpr LabelKey others(LabelKey key) { return key & (LabelKey{0xFF} << 56U); }

}  // namespace

std::span<Cell> MetricShard::row(LabelKey key) noexcept {
  if (used_ >= rows - spare_rows) {
    const bool known = std::any_of(keys_.begin(), keys_.end(),
                                   [key](const auto& one) { return one.load(std::memory_order_relaxed) == key; });
    if (!known) key = others(key);
  }
  std::size_t place = static_cast<std::size_t>((key * 0x9E3779B97F4A7C15U) >> 55U) % rows;
  for (;; place = (place + 1) % rows) {
    const LabelKey found = keys_[place].load(std::memory_order_relaxed);
    if (found == key) return *row_cells_[place];
    if (found == 0) break;
  }
  row_cells_[place].reset(new (std::nothrow) Row);
  if (!row_cells_[place]) return {};
  ++used_;
  keys_[place].store(key, std::memory_order_release);
  return *row_cells_[place];
}

std::uint64_t MetricShard::read(MetricTotals& totals) const {
  constexpr int patience = 1'000;  // An owner that is never between two updates is read in the middle of one.
  MetricTotals mine;
  std::uint64_t before = 0;
  for (int attempt = 0; attempt < patience; ++attempt) {
    before = version();
    if (before % 2 != 0) continue;
    for (std::size_t i = 0; i < shard_cells; ++i) mine.cells[i] = cells_[i].get();
    mine.labels.clear();
    for (std::size_t i = 0; i < rows; ++i) {
      const LabelKey key = keys_[i].load(std::memory_order_acquire);
      if (key == 0) continue;
      for (std::size_t c = 0; c < label_cells; ++c) mine.labels[key][c] = (*row_cells_[i])[c].get();
    }
    std::atomic_thread_fence(std::memory_order_acquire);
    if (version_.load(std::memory_order_relaxed) == before) break;
  }
  for (std::size_t i = 0; i < shard_cells; ++i) totals.cells[i] += mine.cells[i];
  for (const auto& [key, cells] : mine.labels) {
    for (std::size_t c = 0; c < label_cells; ++c) totals.labels[key][c] += cells[c];
  }
  return before;
}

}  // namespace deriva::detail
