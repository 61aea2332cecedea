#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "store/block_pool.hpp"

namespace deriva::detail {

/// Memory for pools that grow by the page: pages stay where they are until all go at once.
///
/// The first MiB is allocated page by page. Behind it pages lie in blocks of 2 MiB in large pages: where memory
/// is slow, a graph of 100,000 nodes spends a tenth to a fifth of its time on finding out where the small ones are
/// (executor.empty.*). Not beyond 64 MiB: a virtual machine may take milliseconds for a large page that it has not had
/// lately (executor.chain.10m).
class PageMemory {
 public:
  explicit PageMemory(BlockPool::Ptr pool) noexcept : pool_(std::move(pool)) {}
  PageMemory(const PageMemory&) = delete;
  PageMemory& operator=(const PageMemory&) = delete;
  ~PageMemory() { clear(); }

  /// A page of so many bytes, aligned to cache lines. Requires: `bytes` is a multiple of those, and not more than a
  /// block. Throws `std::bad_alloc`.
  [[nodiscard]] std::byte* take(std::size_t bytes) {
    if (in_pages_ < small_until) return take_page(bytes);
    if (bytes > left_) add_block();
    left_ -= bytes;
    return std::exchange(next_, next_ + bytes);
  }
  void clear() noexcept {
    for (BlockPool::Block& block : blocks_) pool_->give_back(std::move(block));
    std::exchange(blocks_, decltype(blocks_)());
    std::exchange(pages_, decltype(pages_)());
    left_ = 0;
  }

 private:
  static constexpr std::size_t small_until = std::size_t{1} << 20U;
  static constexpr std::size_t most_large = 32;  ///< Blocks.
  static constexpr std::align_val_t cache_line{64};

  struct Free {
    void operator()(std::byte* page) const noexcept { ::operator delete(page, cache_line); }
  };

  std::byte* take_page(std::size_t bytes) {
    std::byte* const page = pages_.emplace_back(static_cast<std::byte*>(::operator new(bytes, cache_line))).get();
    in_pages_ += bytes;
    return page;
  }
  void add_block() {
    next_ = blocks_.emplace_back(pool_->take(blocks_.size() < most_large)).get();
    left_ = BlockPool::block_bytes;
  }

  const BlockPool::Ptr pool_;
  std::vector<std::unique_ptr<std::byte, Free>> pages_;
  std::size_t in_pages_ = 0;  ///< Bytes.
  std::vector<BlockPool::Block> blocks_;
  std::byte* next_ = nullptr;
  std::size_t left_ = 0;  ///< Behind `next_`, in the last block.
};

}  // namespace deriva::detail
