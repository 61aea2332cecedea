#pragma once

#include <array>
#include <cstddef>
#include <new>
#include <utility>

// The address sanitizer looks for the use of what was freed: it is to see all of it.
#if defined(__SANITIZE_ADDRESS__)
#define DERIVA_ADDRESS_SANITIZER
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DERIVA_ADDRESS_SANITIZER
#endif
#endif

namespace deriva::detail {

/// Memory for small values. They come and go by the batch, which the allocator's own caches are too small for
/// (executor.empty.*), and by the thousand where a node has as many inputs (executor.empty.wide: 7 %): what a thread
/// frees it keeps for what it allocates next, up to 48 KiB of each of four sizes.
/// Thread safety: all members, from any thread; what one allocated another may free.
class SmallBlocks {
 public:
#ifdef DERIVA_ADDRESS_SANITIZER
  static constexpr bool keeps_any = false;
#else
  static constexpr bool keeps_any = true;
#endif
  static constexpr std::size_t largest = 72;           ///< Bytes; what is larger is not kept.
  static constexpr std::size_t most_kept = 48 * 1024;  ///< Bytes of each size.

  /// What `allocate` asks the allocator for, in bytes.
  [[nodiscard]] static constexpr std::size_t size_of(std::size_t bytes) noexcept {
    return is_small(bytes) ? bytes_of(kind_of(bytes)) : bytes;
  }
  /// Aligned as by `operator new`. Throws `std::bad_alloc`.
  [[nodiscard]] static void* allocate(std::size_t bytes) {
    if (is_small(bytes)) {
      List& list = lists_[kind_of(bytes)];
      if (list.first != nullptr) return ++list.room, std::exchange(list.first, list.first->next);
    }
    return ::operator new(size_of(bytes));
  }
  /// `bytes`: as `allocate` was asked for.
  static void free(void* memory, std::size_t bytes) noexcept {
    if (!is_small(bytes)) return ::operator delete(memory);
    List& list = lists_[kind_of(bytes)];
    if (list.room == 0 || !is_open()) return ::operator delete(memory);
    list.first = new (memory) Free{list.first};
    --list.room;
  }
  /// Bytes that this thread keeps, as asked of the allocator.
  [[nodiscard]] static std::size_t kept_bytes() noexcept {
    std::size_t bytes = 0;
    for (std::size_t kind = 0; kind < kinds; ++kind) bytes += (blocks_of(kind) - lists_[kind].room) * bytes_of(kind);
    return bytes;
  }

 private:
  struct Free {
    Free* next;
  };
  struct List {
    Free* first = nullptr;
    std::size_t room;  ///< For so many more.
  };
  /// Frees what is kept when its thread ends.
  struct Keeper {
    Keeper() noexcept { is_open_ = true; }
    Keeper(const Keeper&) = delete;
    Keeper& operator=(const Keeper&) = delete;
    ~Keeper() {
      is_open_ = false;
      for (List& list : lists_) {
        while (list.first != nullptr) ::operator delete(std::exchange(list.first, list.first->next));
      }
      lists_ = empty();
    }
  };

  // Sizes that glibc's allocator, which aligns by 16 bytes and needs 8 for itself, has anyway.
  static constexpr std::size_t smallest = 24;
  static constexpr std::size_t step = 16;
  static constexpr std::size_t kinds = (largest - smallest) / step + 1;

  static constexpr bool is_small(std::size_t bytes) noexcept { return keeps_any && bytes <= largest; }
  static constexpr std::size_t kind_of(std::size_t bytes) noexcept {
    return bytes <= smallest ? 0 : (bytes - smallest + step - 1) / step;
  }
  static constexpr std::size_t bytes_of(std::size_t kind) noexcept { return smallest + step * kind; }
  static constexpr std::size_t blocks_of(std::size_t kind) noexcept { return most_kept / bytes_of(kind); }
  static constexpr std::array<List, kinds> empty() noexcept {
    std::array<List, kinds> lists{};
    for (std::size_t kind = 0; kind < kinds; ++kind) lists[kind].room = blocks_of(kind);
    return lists;
  }
  /// Not once the thread ends.
  static bool is_open() noexcept {
    thread_local const Keeper keeper;
    return is_open_;
  }

  static constinit thread_local std::array<List, kinds> lists_;
  static constinit thread_local bool is_open_;
};

inline constinit thread_local std::array<SmallBlocks::List, SmallBlocks::kinds> SmallBlocks::lists_ =
    SmallBlocks::empty();
inline constinit thread_local bool SmallBlocks::is_open_ = false;

}  // namespace deriva::detail
