#include "core/small_blocks.hpp"

#include <cstddef>
#include <thread>
#include <vector>

#include "allocation/counted_memory.hpp"
#include "support/catch.hpp"

namespace deriva::test {
namespace {

using detail::SmallBlocks;

std::vector<void*> allocate_many(std::size_t bytes) {
  std::vector<void*> blocks(2 * SmallBlocks::most_kept / SmallBlocks::size_of(bytes));
  for (void*& block : blocks) block = SmallBlocks::allocate(bytes);
  return blocks;
}
void free_all(const std::vector<void*>& blocks, std::size_t bytes) {
  for (void* block : blocks) SmallBlocks::free(block, bytes);
}

TEST_CASE("small blocks: what a thread keeps is lost when it ends") {
  const std::size_t before = allocated_bytes();
  std::size_t kept = 0;
  std::thread([&] {
    for (const std::size_t bytes : {1U, 30U, 56U, 72U}) free_all(allocate_many(bytes), bytes);
    kept = SmallBlocks::kept_bytes();
  }).join();
  REQUIRE(kept <= 4 * SmallBlocks::most_kept);
  REQUIRE(kept > 4 * SmallBlocks::most_kept - (24 + 40 + 56 + 72));
  REQUIRE(allocated_bytes() == before);
}

TEST_CASE("small blocks: what another thread allocated is lost") {
  const std::size_t before = allocated_bytes();
  std::thread([&] {
    std::vector<void*> blocks;
    std::thread([&] { blocks = allocate_many(24); }).join();
    free_all(blocks, 24);
  }).join();
  REQUIRE(allocated_bytes() == before);
}

/// Frees its block when its thread ends.
struct FreedLate {
  ~FreedLate() { SmallBlocks::free(block, 24); }
  void* block = nullptr;
};

TEST_CASE("small blocks: what is freed while its thread ends is lost") {
  const std::size_t before = allocated_bytes();
  std::thread([] {
    thread_local FreedLate late;  // made before the thread keeps anything, so that it goes after what it keeps
    late.block = SmallBlocks::allocate(24);
    SmallBlocks::free(SmallBlocks::allocate(24), 24);
  }).join();
  REQUIRE(allocated_bytes() == before);
}

TEST_CASE("small blocks: large ones are kept") {
  const std::size_t before = allocated_bytes();
  SmallBlocks::free(SmallBlocks::allocate(SmallBlocks::largest + 1), SmallBlocks::largest + 1);
  REQUIRE(allocated_bytes() == before);
}

}  // namespace
}  // namespace deriva::test
