#include "core/small_blocks.hpp"

#include <algorithm>
#include <cstddef>
#include <random>
#include <vector>

#include "support/catch.hpp"

namespace deriva::test {
namespace {

using detail::SmallBlocks;

/// A block, all bytes of which were set to one value.
struct Filled {
  Filled(std::size_t bytes, std::byte with)
      : memory(static_cast<std::byte*>(SmallBlocks::allocate(bytes))), size(bytes), value(with) {
    std::fill_n(memory, size, value);
  }
  [[nodiscard]] bool is_intact() const {
    return std::all_of(memory, memory + size, [this](std::byte byte) { return byte == value; });
  }

  std::byte* memory;
  std::size_t size;
  std::byte value;
};

TEST_CASE("small blocks: one is smaller than it should be, or lies over another one") {
  std::mt19937 random(1);
  std::vector<Filled> blocks;
  for (int i = 0; i < 50'000; ++i) {
    if (blocks.size() < random() % 3'000) {
      blocks.emplace_back(1 + random() % 100, static_cast<std::byte>(random() % 256));
      continue;
    }
    if (blocks.empty()) continue;
    std::swap(blocks[random() % blocks.size()], blocks.back());
    if (!blocks.back().is_intact()) FAIL("a block of " << blocks.back().size << " bytes was overwritten");
    SmallBlocks::free(blocks.back().memory, blocks.back().size);
    blocks.pop_back();
  }
  for (const Filled& block : blocks) {
    REQUIRE(block.is_intact());
    SmallBlocks::free(block.memory, block.size);
  }
}

TEST_CASE("small blocks: what was freed is not allocated again") {
  if (!SmallBlocks::keeps_any) return;
  for (std::size_t bytes = 1; bytes <= SmallBlocks::largest; ++bytes) {
    void* const block = SmallBlocks::allocate(bytes);
    SmallBlocks::free(block, bytes);
    void* const same = SmallBlocks::allocate(SmallBlocks::size_of(bytes));
    CHECK(same == block);
    SmallBlocks::free(same, bytes);
  }
}

TEST_CASE("small blocks: a size is not what is asked of the allocator") {
  for (std::size_t bytes = 1; bytes <= 2 * SmallBlocks::largest; ++bytes) {
    CHECK(SmallBlocks::size_of(bytes) >= bytes);
    CHECK(SmallBlocks::size_of(bytes) <= std::max<std::size_t>(bytes + 15, 24));
    CHECK(SmallBlocks::size_of(SmallBlocks::size_of(bytes)) == SmallBlocks::size_of(bytes));
  }
  REQUIRE(SmallBlocks::size_of(SmallBlocks::largest + 1) == SmallBlocks::largest + 1);
}

}  // namespace
}  // namespace deriva::test
