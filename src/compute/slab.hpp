#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include "compute/page_memory.hpp"

namespace deriva::detail {

/// No element: of a slab, an id map, a queue.
inline constexpr std::uint32_t none = ~std::uint32_t{0};

/// Elements by number that never move; a number that was given back is taken again, last first, with its element as it
/// was left: holding nothing that is to be destroyed. Until then it is linked by the element's `next`, which it must
/// have, and is as when it was made. Allocates a page at a time, and makes an element when its number is taken for the
/// first time.
template <class T, std::uint32_t page = 1'024>
class Slab {
 public:
  explicit Slab(PageMemory& memory) noexcept : memory_(memory) {}
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
  ~Slab() { clear(); }

  T& operator[](std::uint32_t slot) noexcept { return *reinterpret_cast<T*>(origins_[slot / page] + offset_of(slot)); }
  const T& operator[](std::uint32_t slot) const noexcept {
    return *reinterpret_cast<const T*>(origins_[slot / page] + offset_of(slot));
  }

  struct Taken {
    std::uint32_t slot;
    T& element;
  };
  Taken take() {
    if (unused_ != none) {
      const std::uint32_t slot = unused_;
      T& element = (*this)[slot];
      unused_ = std::exchange(element.next, none);
      --unused_count_;
      return {slot, element};
    }
    if (end_ % page == 0) add_page();
    T* const element = new (reinterpret_cast<void*>(origins_.back() + offset_of(end_))) T();
    return {end_++, *element};
  }
  /// `element`: that of the number.
  void give_back(std::uint32_t slot, T& element) noexcept {
    element.next = std::exchange(unused_, slot);
    ++unused_count_;
  }

  /// Every number that was ever taken is below this.
  [[nodiscard]] std::uint32_t end() const noexcept { return end_; }
  [[nodiscard]] std::size_t in_use() const noexcept { return end_ - unused_count_; }
  /// The memory is the owner's to clear.
  void clear() noexcept {
    if (!std::is_trivially_destructible_v<T> && in_use() > 0) {
      for (std::uint32_t slot = 0; slot < end_; ++slot) (*this)[slot].~T();
    }
    end_ = 0;
    unused_ = none;
    unused_count_ = 0;
    std::exchange(origins_, decltype(origins_)());
  }

 private:
  static constexpr std::uintptr_t offset_of(std::uint32_t slot) noexcept { return std::uintptr_t{slot} * sizeof(T); }
  void add_page() {
    static_assert(page * sizeof(T) % 64 == 0 && page * sizeof(T) <= BlockPool::block_bytes);  // See `PageMemory`.
    const std::byte* const added = memory_.take(page * sizeof(T));
    origins_.push_back(reinterpret_cast<std::uintptr_t>(added) - offset_of(end_));
  }

  PageMemory& memory_;
  /// Where element 0 would lie if everything lay as the page does: to find an element takes five instructions instead
  /// of eight (executor.empty.*).
  std::vector<std::uintptr_t> origins_;
  std::uint32_t end_ = 0;
  std::uint32_t unused_ = none;
  std::size_t unused_count_ = 0;
};

/// Elements by number, in pages that exist where there are some.
template <class T, std::uint32_t page = 1'024>
class SparseSlab {
 public:
  T& at(std::uint32_t slot) {
    const std::size_t at = slot / page;
    if (at >= pages_.size()) pages_.resize(at + 1);
    if (!pages_[at]) pages_[at] = std::make_unique<Page>();
    return (*pages_[at])[slot % page];
  }
  /// Requires: `at` was called for it.
  T& operator[](std::uint32_t slot) noexcept { return (*pages_[slot / page])[slot % page]; }
  const T& operator[](std::uint32_t slot) const noexcept { return (*pages_[slot / page])[slot % page]; }
  void clear() { *this = SparseSlab(); }

 private:
  using Page = std::array<T, page>;
  std::vector<std::unique_ptr<Page>> pages_;
};

/// Numbers by dense id, in pages that exist where there are some: a look-up is two reads.
class IdMap {
 public:
  explicit IdMap(PageMemory& memory) noexcept : memory_(memory) {}

  /// The number of an id, or `none`.
  [[nodiscard]] std::uint32_t find(std::uint32_t id) const noexcept {
    const std::size_t at = id / page;
    return at < pages_.size() && pages_[at] != nullptr ? (*pages_[at])[id % page] : none;
  }
  /// The place of an id's number: `none` when it has none yet.
  std::uint32_t& at(std::uint32_t id) {
    const std::size_t at = id / page;
    if (at >= pages_.size()) pages_.resize(at + 1);
    if (pages_[at] == nullptr) {
      pages_[at] = new (memory_.take(sizeof(Page))) Page;
      pages_[at]->fill(none);
    }
    return (*pages_[at])[id % page];
  }
  /// Requires: the id has a number.
  void erase(std::uint32_t id) noexcept { (*pages_[id / page])[id % page] = none; }
  /// The memory is the owner's to clear.
  void clear() noexcept { std::exchange(pages_, decltype(pages_)()); }

 private:
  static constexpr std::uint32_t page = 4'096;
  using Page = std::array<std::uint32_t, page>;
  PageMemory& memory_;
  std::vector<Page*> pages_;  ///< Null: there is none.
};

}  // namespace deriva::detail
