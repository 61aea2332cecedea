#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

#include <deriva/dag/detail/large_memory.hpp>

namespace deriva::detail {

/// Blocks of 2 MiB, mostly in large pages, for the plans of a store's executors. A few of those that were given back
/// are kept: for the system to clear one takes as long as to plan and run a thousand nodes.
///
/// Thread safety: any thread.
class BlockPool {
 public:
  static constexpr std::size_t block_bytes = std::size_t{2} << 20U;
  static constexpr std::size_t most_kept = 8;

  using Ptr = std::shared_ptr<BlockPool>;
  struct Free {
    void operator()(std::byte* block) const noexcept { ::operator delete (block, std::align_val_t{block_bytes}); }
  };
  using Block = std::unique_ptr<std::byte, Free>;

  /// Aligned to its size. If it is a new one, the system is asked for a `large` page. Throws `std::bad_alloc`.
  [[nodiscard]] Block take(bool large) {
    {
      const std::lock_guard lock(mutex_);
      if (count_ > 0) return std::move(kept_[--count_]);
    }
    Block block(static_cast<std::byte*>(::operator new (block_bytes, std::align_val_t{block_bytes})));
    if (large) expect_writes(block.get(), block_bytes);
    return block;
  }
  void give_back(Block block) noexcept {
    const std::lock_guard lock(mutex_);
    if (count_ < most_kept) kept_[count_++] = std::move(block);
  }

 private:
  std::mutex mutex_;
  std::array<Block, most_kept> kept_;
  std::size_t count_ = 0;
};

}  // namespace deriva::detail
