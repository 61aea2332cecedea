#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <deriva/core/address.hpp>

namespace bench {

/// A recipe as the graph sees it: its address and its inputs.
using Entry = std::pair<deriva::Address, std::span<const deriva::Address>>;

/// The graph that the dag suites work on, the same in every run: random addresses of 32 bytes; per recipe 2.22 inputs
/// and 1.077 nodes; of the inputs 80 % are recent (among the last 1,000 recipes), 20 % uniformly old, and every tenth
/// is a leaf. One recipe, the hub, is an input of every fifth.
class Workload {
 public:
  struct Options {
    std::size_t recipes = 0;
    std::uint64_t seed = 1;  ///< Another seed: another graph without a common address.
    bool hub = true;         ///< Else ordinary inputs in its place.
  };
  explicit Workload(const Options& options);
  Workload(const Workload&) = delete;
  Workload& operator=(const Workload&) = delete;

  /// In the order of insertion: inputs first.
  [[nodiscard]] std::span<const Entry> entries() const noexcept { return entries_; }
  [[nodiscard]] std::span<const Entry> entries(std::size_t first, std::size_t count) const {
    return entries().subspan(first, count);
  }
  [[nodiscard]] const deriva::Address& hub() const { return entries_.front().first; }
  [[nodiscard]] std::size_t edges() const noexcept { return inputs_.size(); }
  /// Recipes and leaves.
  [[nodiscard]] std::size_t nodes() const noexcept { return entries_.size() + leaves_.size(); }
  /// So many entries that no other one depends on, from all over the first `end` ones, in random order.
  [[nodiscard]] std::vector<deriva::Address> unneeded(std::size_t end, std::size_t count) const;
  /// The entries, each moved by less than `window` places: inputs come after what depends on them.
  [[nodiscard]] std::vector<Entry> shuffled(std::size_t window) const;

 private:
  class Maker;

  std::vector<deriva::Address> inputs_;
  std::vector<deriva::Address> leaves_;
  std::vector<Entry> entries_;
};

/// Splits entries into batches for `insert(batch)`.
template <class Insert>
void in_batches(std::span<const Entry> entries, std::size_t batch, Insert&& insert) {
  for (; !entries.empty(); entries = entries.subspan(std::min(batch, entries.size()))) {
    insert(entries.first(std::min(batch, entries.size())));
  }
}

}  // namespace bench
