#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace deriva::detail::graph {

/// Remembers a `T` per block. Takes memory only where it is used, and is cleared at the cost of what was used.
template <class T>
class BlockCache {
 public:
  /// What is remembered of the block, or a default-constructed `T`. May be assigned to.
  T& operator[](std::uint32_t block) {
    const std::size_t chunk = block / chunk_size;
    if (chunk >= chunks_.size()) chunks_.resize(chunk + 1);
    if (!chunks_[chunk]) {
      chunks_[chunk] = std::make_unique<Chunk>();
      used_.push_back(chunk);
    }
    return (*chunks_[chunk])[block % chunk_size];
  }

  void clear() noexcept {
    for (const std::size_t chunk : used_) chunks_[chunk].reset();
    used_.clear();
  }

 private:
  static constexpr std::size_t chunk_size = 32;
  using Chunk = std::array<T, chunk_size>;

  std::vector<std::unique_ptr<Chunk>> chunks_;
  std::vector<std::size_t> used_;
};

}  // namespace deriva::detail::graph
