#include "observe/metric_cells.hpp"

#include <algorithm>
#include <new>

namespace deriva::detail {
namespace {

constexpr std::size_t spare_rows = 8;  // For the keys that stand for all others.

constexpr LabelKey others(LabelKey key) { return key & (LabelKey{0xFF} << 56U); }

}  // namespace

MetricShard::Row* MetricShard::find_row(LabelKey key) noexcept {
  if (used_ >= rows - spare_rows) {
    const bool known = std::any_of(keys_.begin(), keys_.end(),
                                   [key](const auto& one) { return one.load(std::memory_order_relaxed) == key; });
    if (!known) key = others(key);
  }
  std::size_t place = place_of(key);
  for (;; place = (place + 1) % rows) {
    const LabelKey found = keys_[place].load(std::memory_order_relaxed);
    if (found == key) return row_cells_[place].get();
    if (found == 0) break;
  }
  row_cells_[place].reset(new (std::nothrow) Row);
  if (!row_cells_[place]) return nullptr;
  ++used_;
  keys_[place].store(key, std::memory_order_release);
  return row_cells_[place].get();
}

std::uint64_t MetricShard::read(MetricTotals& totals) const {
  const std::uint64_t version = main_.read(totals.cells);
  for (std::size_t i = 0; i < rows; ++i) {
    const LabelKey key = keys_[i].load(std::memory_order_acquire);
    if (key != 0) row_cells_[i]->read(totals.labels[key]);
  }
  return version;
}

}  // namespace deriva::detail
