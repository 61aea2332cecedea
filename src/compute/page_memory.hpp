#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include <deriva/dag/detail/large_memory.hpp>

namespace deriva::detail {

/// Memory for pools that grow by the page: pages stay where they are until all go at once.
///
/// The first half MiB is allocated page by page. Behind it pages lie in blocks of 2 MiB, for which the system is asked
/// for large pages of its own: where memory is slow, a graph of 100,000 nodes spends a tenth to a fifth of its time on
/// finding out where the small ones are (executor.empty.*).
class PageMemory {
 public:
  static constexpr std::size_t block_bytes = std::size_t{2} << 20U;

  PageMemory() = default;
  PageMemory(const PageMemory&) = delete;
  PageMemory& operator=(const PageMemory&) = delete;
  ~PageMemory() = default;

  /// A page of so many bytes, aligned to cache lines. Throws `std::bad_alloc`.
  [[nodiscard]] std::byte* take(std::size_t bytes) {
    if (bytes > left_) add_block(bytes);
    left_ -= bytes;
    return std::exchange(next_, next_ + bytes);
  }
  void clear() noexcept {
    std::exchange(blocks_, decltype(blocks_)());
    next_ = nullptr;
    left_ = allocated_ = 0;
  }

 private:
  static constexpr std::size_t small_until = std::size_t{512} << 10U;
  static constexpr std::align_val_t cache_line{64};

  struct Free {
    void operator()(std::byte* block) const noexcept { ::operator delete(block, alignment); }
    std::align_val_t alignment;
  };

  void add_block(std::size_t bytes) {
    const bool is_small = allocated_ < small_until;
    const std::size_t size = is_small ? bytes : (bytes + block_bytes - 1) / block_bytes * block_bytes;
    const std::align_val_t alignment = is_small ? cache_line : std::align_val_t{block_bytes};
    const auto& block = blocks_.emplace_back(static_cast<std::byte*>(::operator new(size, alignment)), Free{alignment});
    if (!is_small) expect_writes(block.get(), size);
    next_ = block.get();
    left_ = size;
    allocated_ += size;
  }

  std::vector<std::unique_ptr<std::byte, Free>> blocks_;
  std::byte* next_ = nullptr;
  std::size_t left_ = 0;  ///< Behind `next_`.
  std::size_t allocated_ = 0;
};

}  // namespace deriva::detail
