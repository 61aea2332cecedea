#include "compute/result_cache.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/catch.hpp"

namespace deriva::test {
namespace {

using detail::CacheStats;
using detail::ResultCache;
using namespace std::chrono_literals;

Address named(int number) { return Address::of_leaf(as_bytes("value " + std::to_string(number))); }
Blob bytes(std::size_t count, char fill = 'x') { return Blob::copy_of(std::string(count, fill)); }

/// What a value of so many bytes is charged.
std::size_t charge_of(std::size_t count) { return sizeof(detail::CacheEntry) + bytes(count).held_bytes(); }

/// What a cache of one shard needs for itself.
std::size_t own_bytes() { return ResultCache(50'000, 1, 2).bytes(); }

/// A cache that has room for so many bytes of entries, beside itself. Up to 60,000.
ResultCache with_room_for(std::size_t entries) { return ResultCache(own_bytes() + entries, 1, 2); }

TEST_CASE("result cache: gives what was put, and nothing else") {
  ResultCache cache = with_room_for(10'000);
  REQUIRE_FALSE(cache.get(named(1)));
  cache.put(named(1), bytes(10, 'a'));
  REQUIRE(cache.get(named(1)) == bytes(10, 'a'));
  REQUIRE_FALSE(cache.get(named(2)));
  REQUIRE(cache.bytes() == own_bytes() + charge_of(10));
  cache.put(named(3), Blob());
  REQUIRE(cache.get(named(3)) == Blob());  // An empty value is a value.
}

TEST_CASE("result cache: a value of little worth does not displace one of much, be it cost, use or size") {
  ResultCache cache = with_room_for(4 * charge_of(1'000));
  SECTION("cost") {
    for (int i = 0; i < 4; ++i) cache.put(named(i), bytes(1'000), 1ms);
    for (int i = 4; i < 50; ++i) cache.put(named(i), bytes(1'000), 1us);
    for (int i = 0; i < 4; ++i) REQUIRE(cache.get(named(i)));
  }
  SECTION("use") {
    for (int i = 0; i < 4; ++i) cache.put(named(i), bytes(1'000));
    for (int round = 0; round < 4; ++round) {
      for (int i = 0; i < 4; ++i) REQUIRE(cache.get(named(i)));
    }
    for (int i = 4; i < 10; ++i) cache.put(named(i), bytes(1'000));
    for (int i = 0; i < 4; ++i) REQUIRE(cache.get(named(i)));
  }
  SECTION("size") {
    for (int i = 0; i < 4; ++i) cache.put(named(i), bytes(1'000), 1us);
    cache.put(named(4), bytes(3'000), 1us);
    REQUIRE_FALSE(cache.get(named(4)));
    for (int i = 0; i < 4; ++i) REQUIRE(cache.get(named(i)));
    REQUIRE(cache.stats().rejected == 1);
  }
}

TEST_CASE("result cache: a value of much worth displaces as many as it needs, and no more") {
  ResultCache cache = with_room_for(10 * charge_of(100));
  for (int i = 0; i < 10; ++i) cache.put(named(i), bytes(100));
  cache.put(named(10), bytes(3 * charge_of(100)), 1s);
  REQUIRE(cache.get(named(10)));
  REQUIRE(cache.stats().entries == 10 - 4 + 1);
  REQUIRE(cache.stats().evictions == 4);
}

TEST_CASE("result cache: a long run of values that are seen once does not flush those that are used") {
  ResultCache cache = with_room_for(100 * charge_of(700));
  const auto use = [&cache](int number) {
    const bool found = cache.get(named(number)).has_value();
    if (!found) cache.put(named(number), bytes(700));
    return found;
  };
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 50; ++i) use(i);
  }
  for (int i = 100; i < 300; ++i) use(i);
  int found = 0;
  for (int i = 0; i < 50; ++i) found += use(i) ? 1 : 0;
  REQUIRE(found == 50);
}

TEST_CASE("result cache: what is wanted again and again gets in, however cheap") {
  ResultCache cache = with_room_for(4 * charge_of(1'000));
  for (int i = 0; i < 4; ++i) cache.put(named(i), bytes(1'000), 50us);
  int wanted = 0;
  while (!cache.get(named(9))) {
    REQUIRE(++wanted < 2'000);
    cache.put(named(9), bytes(1'000));
  }
}

TEST_CASE("result cache: what was dear and is not used any more goes in the end") {
  ResultCache cache = with_room_for(8 * charge_of(1'000));
  for (int i = 0; i < 8; ++i) cache.put(named(i), bytes(1'000), 10ms);
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 8; ++i) REQUIRE(cache.get(named(i)));
  }
  int kept = 8;
  for (int put = 0; kept > 0; ++put) {
    REQUIRE(put < 20'000);
    cache.put(named(100 + put % 20), bytes(1'000), 1ms);
    if (put % 50 != 0) continue;
    const CacheStats stats = cache.stats();
    REQUIRE(stats.entries == 8);
    kept = 0;
    for (int i = 0; i < 8; ++i) kept += cache.pin(named(i)) ? 1 : 0;  // Looks without using.
    for (int i = 0; i < 8; ++i) cache.unpin(named(i));
  }
}

TEST_CASE("result cache: a value that just fits stays, one byte more is not kept") {
  constexpr std::size_t size = 1'000;
  ResultCache cache = with_room_for(charge_of(size));
  cache.put(named(1), bytes(size), 1ms);
  REQUIRE(cache.bytes() == cache.capacity());
  REQUIRE(cache.get(named(1)));
  cache.put(named(2), bytes(size + 1), 1s);
  REQUIRE_FALSE(cache.get(named(2)));
  cache.put(named(3), bytes(100'000), 1s);
  REQUIRE_FALSE(cache.get(named(3)));
  REQUIRE(cache.get(named(1)));  // What could not be kept has displaced nothing.
  REQUIRE(cache.stats().rejected == 2);
}

TEST_CASE("result cache: overwriting never exceeds the budget, and never leaves the earlier value") {
  ResultCache cache = with_room_for(1'000);
  cache.put(named(1), bytes(100));
  cache.put(named(2), bytes(100));
  for (const std::size_t size : {300UL, 500UL, 700UL, 5UL, 700UL}) {
    cache.put(named(1), bytes(size, 'b'), 1s);
    REQUIRE(cache.bytes() <= cache.capacity());
    REQUIRE(cache.get(named(1)) == bytes(size, 'b'));
  }
  cache.put(named(1), bytes(100'000));
  REQUIRE_FALSE(cache.get(named(1)));
  REQUIRE(cache.stats().entries <= 1);
}

TEST_CASE("result cache: the same bytes again change nothing") {
  ResultCache cache = with_room_for(1'000);
  const Blob value = bytes(100);
  cache.put(named(1), value);
  const std::size_t charged = cache.bytes();
  cache.put(named(1), value, 1ms);
  REQUIRE(cache.bytes() == charged);
  REQUIRE(cache.stats().inserts == 1);
}

TEST_CASE("result cache: a value is charged for the memory that it holds, not for what it shows") {
  std::vector<std::byte> roomy;
  roomy.reserve(50'000);
  roomy.resize(10);
  ResultCache cache = with_room_for(60'000);
  cache.put(named(1), Blob::adopt(std::move(roomy)));
  REQUIRE(cache.bytes() > own_bytes() + 50'000);
  cache.put(named(2), bytes(20'000));
  REQUIRE_FALSE((cache.get(named(1)) && cache.get(named(2))));
}

TEST_CASE("result cache: erasing gives the bytes back") {
  ResultCache cache = with_room_for(1'000);
  cache.put(named(1), bytes(100));
  REQUIRE(cache.erase(named(1)));
  REQUIRE_FALSE(cache.erase(named(1)));
  REQUIRE_FALSE(cache.get(named(1)));
  REQUIRE(cache.bytes() == own_bytes());
}

TEST_CASE("result cache: what is pinned does not go, and what does not fit beside it is not kept") {
  ResultCache cache = with_room_for(2 * charge_of(100));
  cache.put(named(1), bytes(100));
  cache.put(named(2), bytes(100));
  REQUIRE(cache.pin(named(1)));
  REQUIRE(cache.pin(named(1)));
  REQUIRE(cache.pin(named(2)));
  REQUIRE_FALSE(cache.pin(named(3)));
  cache.put(named(3), bytes(100), 1s);
  REQUIRE_FALSE(cache.get(named(3)));
  REQUIRE(cache.unpin(named(2)));
  cache.put(named(3), bytes(100), 1s);
  REQUIRE(cache.get(named(3)));
  REQUIRE_FALSE(cache.get(named(2)));
  REQUIRE(cache.unpin(named(1)));
  cache.put(named(4), bytes(100), 2s);
  REQUIRE(cache.get(named(1)));  // One pin is left.
  REQUIRE(cache.unpin(named(1)));
  REQUIRE_FALSE(cache.unpin(named(1)));
  cache.put(named(4), bytes(100), 2s);
  REQUIRE_FALSE(cache.get(named(1)));
}

TEST_CASE("result cache: overwriting keeps the pins") {
  ResultCache cache = with_room_for(3 * charge_of(100));
  cache.put(named(1), bytes(100, 'a'));
  REQUIRE(cache.pin(named(1)));
  cache.put(named(1), bytes(100, 'b'));
  REQUIRE(cache.get(named(1)) == bytes(100, 'b'));
  for (int i = 2; i < 9; ++i) cache.put(named(i), bytes(100), 1s);
  REQUIRE(cache.get(named(1)));
  REQUIRE(cache.unpin(named(1)));
}

TEST_CASE("result cache: counts what it does") {
  ResultCache cache = with_room_for(2 * charge_of(100));
  cache.put(named(1), bytes(100));
  for (int i = 0; i < 3; ++i) static_cast<void>(cache.get(named(1)));
  for (int i = 0; i < 5; ++i) static_cast<void>(cache.get(named(9)));
  for (int i = 2; i < 6; ++i) cache.put(named(i), bytes(100));
  cache.put(named(6), bytes(1'000), 1s);
  const CacheStats stats = cache.stats();
  REQUIRE(stats.hits == 3);
  REQUIRE(stats.misses == 5);
  REQUIRE(stats.rejected >= 1);
  REQUIRE(stats.inserts + stats.rejected == 6);
  REQUIRE(stats.inserts == stats.evictions + 2);
  REQUIRE(stats.entries == 2);
  REQUIRE(stats.bytes == cache.bytes());
}

TEST_CASE("result cache: a budget that is too small for the cache itself keeps nothing") {
  for (const std::size_t capacity : {std::size_t{0}, std::size_t{1'000}, own_bytes() - 1}) {
    ResultCache cache(capacity, 1, 2);
    cache.put(named(1), Blob());
    cache.put(named(2), bytes(10));
    REQUIRE_FALSE(cache.get(named(1)));
    REQUIRE_FALSE(cache.pin(named(1)));
    REQUIRE_FALSE(cache.unpin(named(1)));
    REQUIRE_FALSE(cache.erase(named(1)));
    REQUIRE(cache.bytes() == 0);
    REQUIRE(cache.stats().entries == 0);
  }
}

TEST_CASE("result cache: many shards keep one budget, and one value may take nearly all of it") {
  ResultCache cache(std::size_t{16} << 20U, 1, 2);
  for (int i = 0; i < 40'000; ++i) {
    cache.put(named(i), bytes(1'000));
    REQUIRE(cache.bytes() <= cache.capacity());
  }
  REQUIRE(cache.stats().entries > 13'000);
  cache.put(named(-1), bytes(std::size_t{14} << 20U), 1'000s);
  REQUIRE(cache.get(named(-1)));
  REQUIRE(cache.bytes() <= cache.capacity());
}

TEST_CASE("result cache: a value that several processors read has a reference count for each") {
  ResultCache cache = with_room_for(10'000);
  cache.put(named(1), bytes(100));
  const std::size_t before = cache.bytes();
  // Threads that read in turn, wherever they run: at most 64 times on another processor than the last.
  std::atomic<int> turn{0};
  std::atomic<int> wrong{0};
  const auto read = [&](int mine) {
    for (int i = 0; i < 2'000; ++i) {
      while (turn != mine) std::this_thread::yield();
      if (cache.get(named(1)) != bytes(100)) ++wrong;
      turn = 1 - mine;
    }
  };
  std::thread other(read, 1);
  read(0);
  other.join();
  REQUIRE(wrong == 0);
  const std::size_t replicas = 2 * (64 + sizeof(Blob));
  REQUIRE((cache.bytes() == before || cache.bytes() == before + replicas));
  REQUIRE(cache.erase(named(1)));
  REQUIRE(cache.bytes() == own_bytes());
}

TEST_CASE("result cache: several threads get only right values, and the budget holds throughout") {
  const std::size_t capacity = GENERATE(std::size_t{9'000}, std::size_t{4} << 20U);
  ResultCache cache(capacity, 1);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 4; ++seed) {
    threads.emplace_back([&cache, &wrong, seed] {
      unsigned state = seed + 1;
      for (int i = 0; i < 20'000; ++i) {
        state = state * 1'664'525U + 1'013'904'223U;
        const int number = static_cast<int>((state >> 16U) % 64);
        const std::size_t size = static_cast<std::size_t>(number) + 1;
        if (state & 0x100U) cache.put(named(number), bytes(size), std::chrono::nanoseconds(state >> 8U));
        if ((state >> 9U) % 16 == 0) cache.erase(named(number));
        if ((state >> 13U) % 8 == 0 && cache.pin(named(number))) cache.unpin(named(number));
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
