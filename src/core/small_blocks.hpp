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
/// frees it keeps for what it allocates next, up to 48 KiB of each of five sizes.
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
    void* const kept = allocate_kept(bytes);
    return kept != nullptr ? kept : allocate_new(bytes);
  }
  /// Null if the thread keeps none of the size.
  [[nodiscard]] static void* allocate_kept(std::size_t bytes) noexcept {
    if (!is_small(bytes)) return nullptr;
    List& list = lists_[kind_of(bytes)];
    if (list.first == nullptr) return nullptr;
    ++list.room;
    return std::exchange(list.first, list.first->next);
  }
  /// `bytes`: as `allocate` was asked for.
  static void free(void* memory, std::size_t bytes) noexcept {
    if (is_small(bytes)) {
      List& list = lists_[kind_of(bytes)];
      if (list.room > 0) return list.keep(memory);
    }
    free_unless_first(memory, bytes);
  }
  /// Bytes that this thread keeps, as asked of the allocator.
  [[nodiscard]] static std::size_t kept_bytes() noexcept {
    std::size_t bytes = 0;
    for (std::size_t kind = 0; kind < kinds; ++kind) {
      if (lists_[kind].first != nullptr) bytes += (blocks_of(kind) - lists_[kind].room) * bytes_of(kind);
    }
    return bytes;
  }

 private:
  struct Free {
    Free* next;
  };
  struct List {
    Free* first = nullptr;
    std::size_t room = 0;  ///< For so many more.

    void keep(void* memory) noexcept {
      first = new (memory) Free{first};
      --room;
    }
  };
  /// Makes room for as long as its thread lives, and frees what is kept then.
  struct Keeper {
    Keeper() noexcept {
      for (std::size_t kind = 0; kind < kinds; ++kind) lists_[kind].room = blocks_of(kind);
    }
    Keeper(const Keeper&) = delete;
    Keeper& operator=(const Keeper&) = delete;
    ~Keeper() {
      for (List& list : lists_) {
        while (list.first != nullptr) ::operator delete(std::exchange(list.first, list.first->next));
        list.room = 0;
      }
    }
  };

  // Sizes that glibc's allocator, which aligns by 16 bytes and needs 8 for itself, has anyway.
  static constexpr std::size_t smallest = 8;
  static constexpr std::size_t step = 16;
  static constexpr std::size_t kinds = (largest - smallest) / step + 1;

  static constexpr bool is_small(std::size_t bytes) noexcept { return keeps_any && bytes <= largest; }
  static constexpr std::size_t kind_of(std::size_t bytes) noexcept { return (bytes + step - 1 - smallest) / step; }
  static constexpr std::size_t bytes_of(std::size_t kind) noexcept { return smallest + step * kind; }
  static constexpr std::size_t blocks_of(std::size_t kind) noexcept { return most_kept / bytes_of(kind); }
  // Apart from what is done for each, so that it takes no more than it needs.
  [[nodiscard, gnu::noinline]] static void* allocate_new(std::size_t bytes) { return ::operator new(size_of(bytes)); }
  /// A thread has room from the first that it frees on.
  [[gnu::noinline]] static void free_unless_first(void* memory, std::size_t bytes) noexcept {
    if (is_small(bytes)) {
      thread_local const Keeper keeper;
      if (List& list = lists_[kind_of(bytes)]; list.room > 0) return list.keep(memory);
    }
    ::operator delete(memory);
  }

  static constinit thread_local std::array<List, kinds> lists_;
};

// Lies where the program's own thread-local variables do, even in a shared library: to find it is no call.
[[gnu::tls_model("initial-exec")]] inline constinit thread_local std::array<SmallBlocks::List, SmallBlocks::kinds>
    SmallBlocks::lists_{};

}  // namespace deriva::detail
