#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "allocation/counted_memory.hpp"
#include "compute/result_cache.hpp"
#include "core/small_blocks.hpp"
#include "support/catch.hpp"

namespace deriva::test {
namespace {

using detail::ResultCache;

Address named(std::uint32_t number) { return Address::of_leaf(as_bytes(std::to_string(number))); }

/// Without what is kept of small values that are gone.
std::size_t bytes_in_use() { return allocated_bytes() - detail::SmallBlocks::kept_bytes(); }

/// A blob of each kind there is.
Blob make_blob(std::size_t size, std::uint32_t kind) {
  if (kind == 0) return Blob::copy_of(std::string(size, 'x'));
  if (kind == 1) return Blob::adopt(std::string(size, 'x'));
  if (kind == 2) return Blob::copy_of(std::string(size, 'x')).replica();
  std::vector<std::byte> bytes;
  bytes.reserve(2 * size);
  bytes.resize(size);
  return Blob::adopt(std::move(bytes));
}

TEST_CASE("result cache: its bytes are those of the allocator, to the byte, whatever is done to it") {
  const std::size_t capacity = GENERATE(std::size_t{20'000}, std::size_t{3} << 20U);
  std::mt19937 random(1);
  const std::size_t before = bytes_in_use();
  {
    ResultCache cache(capacity, 1, 4);
    std::size_t wrong = 0;
    for (int i = 0; i < 20'000; ++i) {
      const Address address = named(static_cast<std::uint32_t>(random() % 3'000));
      switch (random() % 8) {
        case 0:
          cache.erase(address);
          break;
        case 1:
          static_cast<void>(cache.get(address));
          break;
        default:
          cache.put(address, make_blob(random() % 2'000, static_cast<std::uint32_t>(random() % 4)),
                    std::chrono::nanoseconds(random() % 100'000));
      }
      if (bytes_in_use() - before != cache.bytes()) ++wrong;
    }
    REQUIRE(wrong == 0);
    REQUIRE(cache.stats().evictions > 0);
  }
  REQUIRE(bytes_in_use() == before);
}

}  // namespace
}  // namespace deriva::test
