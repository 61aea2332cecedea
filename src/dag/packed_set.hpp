#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "storage/table_access.hpp"

namespace deriva::detail::graph {

/// Sorted u64s as they lie in a page, at any alignment.
class PackedPage {
 public:
  PackedPage() = default;
  explicit PackedPage(BytesView bytes) noexcept : data_(bytes.data()), size_(bytes.size() / sizeof(std::uint64_t)) {}

  std::size_t size() const noexcept { return size_; }
  std::uint64_t operator[](std::size_t i) const noexcept {
    std::uint64_t value = 0;
    std::memcpy(&value, data_ + i * sizeof(value), sizeof(value));
    return value;
  }
  /// Position of the first value that is at least `value`.
  std::size_t lower_bound(std::uint64_t value) const noexcept;
  /// The same, quicker where values are spread evenly from `low` to `high`, as hashes are.
  std::size_t lower_bound_even(std::uint64_t value, std::uint64_t low, std::uint64_t high) const noexcept;

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// A sorted set of u64s in a table of its own: up to 510 values, packed, per entry (one overflow page of LMDB), under
/// a key that no value of the entry exceeds. The last entry has the greatest key there is. Values need 8 bytes and a
/// few bits each; a large sorted change costs little more than copying the pages that it touches.
class PackedSet {
 public:
  static constexpr std::size_t page_values = 510;
  static constexpr std::uint64_t last_key = ~std::uint64_t{0};

  /// Reads a set. As long as the set is the same, a reader that remembers finds out after some searches where all pages
  /// are, and needs the table no more.
  class Reader {
   public:
    enum class Memory : std::uint8_t { none, pages };

    Reader() = default;
    Reader(Cursor cursor, Memory memory) noexcept : cursor_(std::move(cursor)), memory_(memory) {}

    Cursor& cursor() noexcept { return cursor_; }
    /// Whether it knows all pages, so that its cursor need not be bound to the transaction.
    bool knows_pages() const noexcept { return !keys_.empty(); }
    /// The set may have changed.
    void forget() noexcept;

    /// Calls `visit(std::uint64_t)` for the values from `from` to `to`, both included, until it returns false.
    template <class Visit>
    bool for_each(std::uint64_t from, std::uint64_t to, Visit&& visit) {
      const auto start = [from](const Place& place) { return place.page.lower_bound(from); };
      return scan(from, to, start, visit);
    }
    /// The same for evenly spread values.
    template <class Visit>
    bool for_each_even(std::uint64_t from, std::uint64_t to, Visit&& visit) {
      const auto start = [from](const Place& place) {
        const std::size_t size = place.page.size();
        const std::uint64_t low = place.low_known || size == 0 ? place.low : place.page[0];
        return place.page.lower_bound_even(from, low,
                                           place.key == last_key && size > 0 ? place.page[size - 1] : place.key);
      };
      return scan(from, to, start, visit);
    }
    bool contains(std::uint64_t value) {
      return !for_each(value, value, [](std::uint64_t) { return false; });
    }

   private:
    /// A page; its values are above `low`, if that is known, and at most `key`.
    struct Place {
      std::uint64_t key = 0;
      PackedPage page;
      std::uint64_t low = 0;
      bool low_known = false;
    };

    template <class Start, class Visit>
    bool scan(std::uint64_t from, std::uint64_t to, Start&& start, Visit&& visit) {
      std::optional<Place> place = find(from);
      if (!place) return true;
      for (std::size_t at = start(*place);;) {
        for (; at < place->page.size(); ++at) {
          const std::uint64_t value = place->page[at];
          if (value > to) return true;
          if (!visit(value)) return false;
        }
        // Not by the cursor's position: the visitor may have used it.
        if (place->key >= to || !(place = find(place->key + 1))) return true;
        at = 0;
      }
    }

    /// The page in which a value is, if it is anywhere.
    std::optional<Place> find(std::uint64_t value);
    void learn_pages();

    Cursor cursor_;
    Memory memory_ = Memory::none;
    std::size_t searches_ = 0;
    std::vector<std::uint64_t> keys_;  // of all pages, once they are known
    std::vector<PackedPage> pages_;
  };

  /// Adds and removes values; both lists are sorted and without repetitions; no value is added that is there, none
  /// removed that is not (`Failure` with `Errc::corrupted`).
  static void apply(WriteTransaction& transaction, MDB_dbi table, std::span<const std::uint64_t> add,
                    std::span<const std::uint64_t> remove);

  /// Fills an empty table, packing pages fully. `next` returns the values in order, then `std::nullopt`.
  template <class Next>
  static std::uint64_t fill(WriteTransaction& transaction, MDB_dbi table, Next&& next) {
    std::vector<std::uint64_t> page;
    std::uint64_t count = 0;
    for (std::optional<std::uint64_t> value = next(); value; value = next(), ++count) {
      if (page.size() == page_values) {
        write_page(transaction, table, page.back(), page);
        page.clear();
      }
      page.push_back(*value);
    }
    write_page(transaction, table, last_key, page);
    return count;
  }

 private:
  static void write_page(WriteTransaction& transaction, MDB_dbi table, std::uint64_t key,
                         std::span<const std::uint64_t> values);
};

/// Sorts by byte, skipping the bytes that all values share. For tens of thousands of values several times as fast as
/// sorting by comparison.
void radix_sort(std::vector<std::uint64_t>& values);

}  // namespace deriva::detail::graph
