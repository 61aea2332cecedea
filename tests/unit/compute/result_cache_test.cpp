#include "compute/result_cache.hpp"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.hpp"

namespace deriva::test {
namespace {

using detail::ResultCache;

constexpr std::size_t overhead = ResultCache::entry_bytes;

Address named(int number) { return Address::of_leaf(as_bytes("value " + std::to_string(number))); }
Blob bytes(std::size_t count, char fill = 'x') { return Blob::adopt(std::string(count, fill)); }

TEST_CASE("result cache: gives what was put, and nothing else") {
  ResultCache cache(10'000, 1);
  REQUIRE_FALSE(cache.get(named(1)));
  cache.put(named(1), bytes(10, 'a'));
  REQUIRE(cache.get(named(1)) == bytes(10, 'a'));
  REQUIRE_FALSE(cache.get(named(2)));
  REQUIRE(cache.size() == 1);
  REQUIRE(cache.bytes() == 10 + overhead);
}

TEST_CASE("result cache: the one used longest ago goes first, and a hit counts as use") {
  ResultCache cache(3 * (100 + overhead), 1);
  for (int i = 1; i <= 3; ++i) cache.put(named(i), bytes(100));
  REQUIRE(cache.size() == 3);
  REQUIRE(cache.get(named(1)));
  cache.put(named(4), bytes(100));
  REQUIRE_FALSE(cache.get(named(2)));
  REQUIRE(cache.get(named(3)));
  cache.put(named(5), bytes(100));
  REQUIRE_FALSE(cache.get(named(1)));
  REQUIRE(cache.get(named(3)));
  REQUIRE(cache.get(named(4)));
  REQUIRE(cache.get(named(5)));
}

TEST_CASE("result cache: a value that just fits stays, one byte more is not kept") {
  ResultCache cache(1'000, 1);
  cache.put(named(1), bytes(1'000 - overhead));
  REQUIRE(cache.bytes() == 1'000);
  REQUIRE(cache.get(named(1)));
  cache.put(named(2), bytes(1'001 - overhead));
  REQUIRE_FALSE(cache.get(named(2)));
  REQUIRE(cache.get(named(1)));  // What could not be kept has displaced nothing.
  cache.put(named(3), bytes(100'000));
  REQUIRE(cache.bytes() == 1'000);
}

TEST_CASE("result cache: overwriting never exceeds the budget") {
  ResultCache cache(1'000, 1);
  cache.put(named(1), bytes(100));
  cache.put(named(2), bytes(100));
  for (const std::size_t size : {300UL, 500UL, 808UL, 5UL, 808UL}) {
    cache.put(named(1), bytes(size, 'b'));
    REQUIRE(cache.bytes() <= 1'000);
    REQUIRE(cache.get(named(1)) == bytes(size, 'b'));
  }
  cache.put(named(1), bytes(100'000));
  REQUIRE_FALSE(cache.get(named(1)));  // Nor is the earlier value given.
  REQUIRE(cache.bytes() == 0);
  REQUIRE(cache.size() == 0);
}

TEST_CASE("result cache: one large value displaces as many as it needs") {
  ResultCache cache(10 * (100 + overhead), 1);
  for (int i = 0; i < 10; ++i) cache.put(named(i), bytes(100));
  cache.put(named(10), bytes(4 * (100 + overhead) - overhead));
  for (int i = 0; i < 4; ++i) REQUIRE_FALSE(cache.get(named(i)));
  for (int i = 4; i <= 10; ++i) REQUIRE(cache.get(named(i)));
}

TEST_CASE("result cache: without capacity nothing is kept, not even nothing") {
  ResultCache cache(0, 1);
  cache.put(named(1), Blob());
  cache.put(named(2), bytes(10));
  REQUIRE_FALSE(cache.get(named(1)));
  REQUIRE(cache.size() == 0);
  REQUIRE(cache.bytes() == 0);
}

TEST_CASE("result cache: an empty value is a value") {
  ResultCache cache(1'000, 1);
  cache.put(named(1), Blob());
  REQUIRE(cache.get(named(1)) == Blob());
}

TEST_CASE("result cache: several threads get only right values, and the budget holds throughout") {
  ResultCache cache(20 * (64 + overhead), 1);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 4; ++seed) {
    threads.emplace_back([&cache, &wrong, seed] {
      unsigned state = seed + 1;
      for (int i = 0; i < 20'000; ++i) {
        state = state * 1'664'525U + 1'013'904'223U;
        const int number = static_cast<int>((state >> 16U) % 64);
        const std::size_t size = static_cast<std::size_t>(number) + 1;
        if (state & 0x100U) cache.put(named(number), bytes(size));
        const std::optional<Blob> found = cache.get(named(number));
        if (found && found->size() != size) ++wrong;
        if (cache.bytes() > cache.capacity()) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  REQUIRE(wrong == 0);
}

}  // namespace
}  // namespace deriva::test
