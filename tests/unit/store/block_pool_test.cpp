#include "store/block_pool.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "support/catch.hpp"

namespace deriva::test {
namespace {

using detail::BlockPool;

TEST_CASE("block pool: two have the same block, or one that was given back is not taken again") {
  BlockPool pool;
  constexpr std::size_t count = BlockPool::most_kept + 3;
  std::vector<BlockPool::Block> blocks;
  std::set<std::byte*> taken;
  for (std::size_t i = 0; i < count; ++i) {
    blocks.push_back(pool.take(i % 2 == 0));
    REQUIRE(reinterpret_cast<std::uintptr_t>(blocks.back().get()) % BlockPool::block_bytes == 0);
    taken.insert(blocks.back().get());
  }
  REQUIRE(taken.size() == count);
  for (BlockPool::Block& block : blocks) pool.give_back(std::move(block));
  blocks.clear();
  BlockPool other;
  std::vector<BlockPool::Block> others;  // Which have what the first one did not keep.
  for (std::size_t i = 0; i < count; ++i) others.push_back(other.take(true));
  std::set<std::byte*> again;
  for (std::size_t i = 0; i < BlockPool::most_kept; ++i) {
    blocks.push_back(pool.take(true));
    again.insert(blocks.back().get());
  }
  REQUIRE(again.size() == BlockPool::most_kept);
  REQUIRE(std::includes(taken.begin(), taken.end(), again.begin(), again.end()));
}

}  // namespace
}  // namespace deriva::test
