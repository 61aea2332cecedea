#include "dag/packed_set.hpp"

#include <algorithm>
#include <array>

namespace deriva::detail::graph {

namespace {

using Sorted = std::span<const std::uint64_t>;

// A change of consecutive pages of a set, worked out in memory before anything is written.
class PageGroup {
 public:
  // More pages than this are changed in several groups.
  static constexpr std::size_t max_pages = 16;

  // Merges the changes that belong to this page, and takes them off the front of both lists.
  void take(std::uint64_t key, const PackedPage& page, Sorted& add, Sorted& remove) {
    pages_.push_back({key, values_.size()});
    std::size_t at = 0;
    const auto copy_below = [&](std::uint64_t end) {
      while (at < page.size() && page[at] < end) values_.push_back(page[at++]);
    };
    while (true) {
      const bool adds = !add.empty() && add.front() <= key;
      const bool removes = !remove.empty() && remove.front() <= key;
      if (!adds && !removes) break;
      if (adds && (!removes || add.front() < remove.front())) {
        copy_below(add.front());
        if (at < page.size() && page[at] == add.front()) throw_corrupted("a set holds what was not put into it");
        values_.push_back(add.front());
        add = add.subspan(1);
      } else {
        copy_below(remove.front());
        if (at == page.size() || page[at] != remove.front()) throw_corrupted("a set lacks what was put into it");
        ++at;
        remove = remove.subspan(1);
      }
    }
    while (at < page.size()) values_.push_back(page[at++]);
  }

  std::size_t size() const noexcept { return pages_.size(); }

  // Calls `erase(key)` for the pages that are to go, then `write(key, values)` for those that are to be.
  template <class Erase, class Write>
  void finish(Erase&& erase, Write&& write) const {
    bool fits = true;
    for (std::size_t i = 0; i < pages_.size(); ++i) fits = fits && values_of(i).size() <= PackedSet::page_values;
    if (fits) {
      for (std::size_t i = 0; i < pages_.size(); ++i) {
        if (values_of(i).empty() && pages_[i].key != PackedSet::last_key) {
          erase(pages_[i].key);
        } else {
          write(pages_[i].key, values_of(i));
        }
      }
      return;
    }
    for (const Page& page : pages_) erase(page.key);
    divide(write);
  }

 private:
  struct Page {
    std::uint64_t key;
    std::size_t begin;
  };

  Sorted values_of(std::size_t page) const {
    const std::size_t end = page + 1 < pages_.size() ? pages_[page + 1].begin : values_.size();
    return Sorted(values_).subspan(pages_[page].begin, end - pages_[page].begin);
  }

  // Divides all values anew: full pages at the end of the set, where values are mostly appended; elsewhere evenly, with
  // a little room.
  template <class Write>
  void divide(Write&& write) const {
    const std::size_t count = values_.size();
    const bool at_end = pages_.back().key == PackedSet::last_key;
    const std::size_t fill = at_end ? PackedSet::page_values : PackedSet::page_values - 20;
    const std::size_t pages = (count + fill - 1) / fill;
    for (std::size_t i = 0; i < pages; ++i) {
      const std::size_t begin = at_end ? i * fill : count * i / pages;
      const std::size_t end = i + 1 == pages ? count : at_end ? begin + fill : count * (i + 1) / pages;
      write(i + 1 == pages ? pages_.back().key : values_[end - 1], Sorted(values_).subspan(begin, end - begin));
    }
  }

  std::vector<Page> pages_;
  std::vector<std::uint64_t> values_;
};

std::uint64_t first_change(Sorted add, Sorted remove) {
  if (add.empty()) return remove.front();
  return remove.empty() ? add.front() : std::min(add.front(), remove.front());
}

}  // namespace

std::size_t PackedPage::lower_bound(std::uint64_t value) const noexcept {
  std::size_t begin = 0;
  for (std::size_t count = size_; count > 0;) {
    const std::size_t half = count / 2;
    const bool right = (*this)[begin + half] < value;
    begin = right ? begin + half + 1 : begin;
    count = right ? count - half - 1 : half;
  }
  return begin;
}

std::size_t PackedPage::lower_bound_even(std::uint64_t value, std::uint64_t low, std::uint64_t high) const noexcept {
  if (size_ < 8 || value <= low || value >= high) return lower_bound(value);
  const double share = static_cast<double>(value - low) / static_cast<double>(high - low);
  std::size_t at = std::min(static_cast<std::size_t>(share * static_cast<double>(size_)), size_ - 1);
  while (at > 0 && (*this)[at - 1] >= value) --at;
  while (at < size_ && (*this)[at] < value) ++at;
  return at;
}

void PackedSet::Reader::forget() noexcept {
  keys_.clear();
  pages_.clear();
  searches_ = 0;
}

auto PackedSet::Reader::find(std::uint64_t value) -> std::optional<Place> {
  if (keys_.empty() && memory_ == Memory::pages) learn_pages();
  if (keys_.empty()) {
    const std::optional<TableEntry> entry = cursor_.at_least(value);
    if (!entry) return std::nullopt;
    return Place{entry->key, PackedPage(entry->value), 0, false};
  }
  const auto found = std::lower_bound(keys_.begin(), keys_.end(), value);
  if (found == keys_.end()) return std::nullopt;
  const auto at = static_cast<std::size_t>(found - keys_.begin());
  return Place{*found, pages_[at], at == 0 ? 0 : keys_[at - 1], true};
}

// When as much was spent on searches as finding all pages costs.
void PackedSet::Reader::learn_pages() {
  constexpr std::size_t pages_per_search = 8;
  constexpr std::size_t few = 32;
  if (++searches_ % few != 0 || cursor_.entries() > searches_ * pages_per_search) return;
  for (std::optional<TableEntry> entry = cursor_.first(); entry; entry = cursor_.next()) {
    keys_.push_back(entry->key);
    pages_.emplace_back(entry->value);
  }
}

void PackedSet::apply(WriteTransaction& transaction, MDB_dbi table, Sorted add, Sorted remove) {
  while (!add.empty() || !remove.empty()) {
    PageGroup group;
    {
      Cursor cursor(transaction.native(), table);
      std::optional<TableEntry> entry = cursor.at_least(first_change(add, remove));
      if (!entry) entry = TableEntry{last_key, {}};
      do {
        group.take(entry->key, PackedPage(entry->value), add, remove);
        if (entry->key == last_key || group.size() == PageGroup::max_pages) break;
        entry = cursor.next();
      } while (entry && (!add.empty() || !remove.empty()) && first_change(add, remove) <= entry->key);
    }
    group.finish(
        [&](std::uint64_t key) {
          if (get(transaction.native(), table, key)) erase(transaction, table, key);
        },
        [&](std::uint64_t key, Sorted values) { write_page(transaction, table, key, values); });
  }
}

void PackedSet::write_page(WriteTransaction& transaction, MDB_dbi table, std::uint64_t key, Sorted values) {
  put(transaction, table, key, std::as_bytes(values));
}

void radix_sort(std::vector<std::uint64_t>& values) {
  if (values.size() < 64) {
    std::sort(values.begin(), values.end());
    return;
  }
  std::uint64_t any = 0;
  std::uint64_t all = ~std::uint64_t{0};
  for (const std::uint64_t value : values) {
    any |= value;
    all &= value;
  }
  std::vector<std::uint64_t> other(values.size());
  for (unsigned shift = 0; shift < 64; shift += 8) {
    if ((((any ^ all) >> shift) & 0xffU) == 0) continue;
    std::array<std::size_t, 257> start{};
    for (const std::uint64_t value : values) ++start[((value >> shift) & 0xffU) + 1];
    for (std::size_t digit = 0; digit < 256; ++digit) start[digit + 1] += start[digit];
    for (const std::uint64_t value : values) other[start[(value >> shift) & 0xffU]++] = value;
    values.swap(other);
  }
}

}  // namespace deriva::detail::graph
