#include <deriva/dag/adjacency_cache.hpp>

#include <cstdint>
#include <optional>
#include <vector>

#include "support/catch.hpp"

namespace {

using Cache = deriva::detail::AdjacencyCache<std::uint64_t>;
using Keys = std::vector<std::uint64_t>;
constexpr auto inputs = Cache::Direction::inputs;
constexpr auto dependents = Cache::Direction::dependents;

// Snapshot 100 shows state 10 in all of these.
constexpr std::uint64_t snapshot = 100;
constexpr std::uint64_t state = 10;

Cache::Entry inserted(std::uint64_t key, Keys of) { return {key, std::move(of)}; }

}  // namespace

TEST_CASE("a list that was added is found in its own direction only", "[cache]") {
  Cache cache(10);
  cache.observe(snapshot, state);
  cache.add(snapshot, inputs, 1, Keys{2, 3});
  cache.add(snapshot, inputs, 4, std::nullopt);
  REQUIRE(*cache.find(snapshot, inputs, 1).value() == Keys{2, 3});
  REQUIRE_FALSE(cache.find(snapshot, inputs, 4).value().has_value());
  REQUIRE_FALSE(cache.find(snapshot, dependents, 1));
  REQUIRE_FALSE(cache.find(snapshot, inputs, 2));
  REQUIRE(cache.stats().hits == 2);
  REQUIRE(cache.stats().misses == 2);
  REQUIRE(cache.stats().entries == 2);
}

TEST_CASE("a snapshot that nobody observed neither uses nor adds lists", "[cache]") {
  Cache cache(10);
  cache.add(0, inputs, 1, Keys{});
  REQUIRE_FALSE(cache.find(0, inputs, 1));
  cache.observe(snapshot, state);
  cache.add(snapshot, inputs, 1, Keys{2});
  for (const std::uint64_t other : {snapshot - 1, snapshot + 1}) {
    REQUIRE_FALSE(cache.shows(other));
    REQUIRE_FALSE(cache.find(other, inputs, 1));
    cache.add(other, inputs, 3, Keys{});
  }
  REQUIRE(cache.stats().entries == 1);
}

TEST_CASE("commits that do not touch the graph keep the lists, for every snapshot between two of one state",
          "[cache]") {
  Cache cache(10);
  cache.observe(snapshot, state);
  cache.add(snapshot, inputs, 1, Keys{2});
  cache.observe(snapshot + 7, state);
  cache.observe(snapshot - 2, state);
  for (std::uint64_t at = snapshot - 2; at <= snapshot + 7; ++at) REQUIRE(cache.find(at, inputs, 1));
  REQUIRE_FALSE(cache.find(snapshot + 8, inputs, 1));
}

TEST_CASE("an older snapshot is left to the tables, a newer one drops what was held", "[cache]") {
  Cache cache(10);
  cache.observe(snapshot, state);
  cache.add(snapshot, inputs, 1, Keys{2});
  cache.observe(snapshot - 1, state - 1);
  REQUIRE_FALSE(cache.find(snapshot - 1, inputs, 1));
  cache.add(snapshot - 1, inputs, 1, Keys{});
  REQUIRE(*cache.find(snapshot, inputs, 1).value() == Keys{2});
  cache.observe(snapshot + 1, state + 1);
  REQUIRE_FALSE(cache.find(snapshot + 1, inputs, 1));
  REQUIRE_FALSE(cache.find(snapshot, inputs, 1));
  REQUIRE(cache.stats().entries == 0);
}

TEST_CASE("a published insert adds its inputs and drops the lists of dependents that it makes longer", "[cache]") {
  Cache cache(10);
  cache.observe(snapshot, state);
  cache.add(snapshot, dependents, 1, Keys{4, 9});
  cache.add(snapshot, dependents, 3, Keys{5});
  cache.publish(state + 1, inserted(7, {1, 2, 1}));
  REQUIRE_FALSE(cache.find(snapshot, dependents, 1));  // that snapshot does not show the insert
  cache.observe(snapshot + 1, state + 1);
  REQUIRE(*cache.find(snapshot + 1, inputs, 7).value() == Keys{1, 2, 1});
  REQUIRE_FALSE(cache.find(snapshot + 1, dependents, 1));
  REQUIRE(*cache.find(snapshot + 1, dependents, 3).value() == Keys{5});
}

TEST_CASE("entries published in another order than they were committed in are applied in theirs", "[cache]") {
  Cache cache(2);
  cache.observe(snapshot, state);
  cache.publish(state + 3, inserted(9, {1}));
  cache.publish(state + 2, inserted(8, {1}));
  cache.publish(state + 1, inserted(7, {1}));
  cache.observe(snapshot + 1, state + 3);
  REQUIRE(*cache.find(snapshot + 1, inputs, 9).value() == Keys{1});
  REQUIRE(*cache.find(snapshot + 1, inputs, 8).value() == Keys{1});
  REQUIRE_FALSE(cache.find(snapshot + 1, inputs, 7));  // the least recent one
}

TEST_CASE("a change that was never published empties the cache", "[cache]") {
  Cache cache(10);
  cache.observe(snapshot, state);
  cache.add(snapshot, dependents, 1, Keys{});
  cache.publish(state + 2, inserted(9, {1}));
  cache.observe(snapshot + 1, state + 2);
  REQUIRE(cache.stats().entries == 0);
  cache.add(snapshot + 1, dependents, 1, Keys{8, 9});
  cache.publish(state + 1, inserted(8, {1}));  // too late
  REQUIRE(*cache.find(snapshot + 1, dependents, 1).value() == Keys{8, 9});
}

TEST_CASE("a query between a commit and its publication sees the state only once", "[cache]") {
  Cache cache(10);
  cache.observe(snapshot, state);
  cache.observe(snapshot + 1, state + 1);
  cache.add(snapshot + 1, dependents, 1, Keys{});  // removed again in state + 1
  cache.publish(state + 1, inserted(7, {1}));
  REQUIRE(cache.find(snapshot + 1, dependents, 1)->value().empty());
}

TEST_CASE("more waiting changes than are worth keeping lose lists, never truth", "[cache]") {
  Cache cache(1'000);
  cache.observe(snapshot, state);
  cache.add(snapshot, dependents, 1, Keys{});
  for (std::uint64_t n = 2; n <= Cache::most_waiting + 10; ++n) cache.publish(state + n, inserted(n, {1}));
  cache.publish(state + 1, inserted(1, {1}));
  const std::uint64_t last = state + Cache::most_waiting + 10;
  cache.observe(snapshot + 1, last);
  REQUIRE_FALSE(cache.find(snapshot + 1, dependents, 1));
}

TEST_CASE("the least recently used list goes first", "[cache]") {
  Cache cache(2);
  cache.observe(snapshot, state);
  cache.add(snapshot, inputs, 1, Keys{});
  cache.add(snapshot, inputs, 2, Keys{});
  REQUIRE(cache.find(snapshot, inputs, 1));
  cache.add(snapshot, dependents, 1, Keys{});
  REQUIRE(cache.find(snapshot, inputs, 1));
  REQUIRE(cache.find(snapshot, dependents, 1));
  REQUIRE_FALSE(cache.find(snapshot, inputs, 2));
  REQUIRE(cache.stats().entries == 2);
}

TEST_CASE("a list too long is not kept, also when it grows too long", "[cache]") {
  Cache cache(10);
  cache.observe(snapshot, state);
  Keys list(Cache::longest_list + 1);
  for (std::uint64_t n = 0; n < list.size(); ++n) list[n] = n;
  cache.add(snapshot, dependents, 1, list);
  REQUIRE_FALSE(cache.find(snapshot, dependents, 1));
  list.pop_back();
  cache.add(snapshot, dependents, 1, list);
  REQUIRE(cache.find(snapshot, dependents, 1));
  cache.publish(state + 1, inserted(1'000'000, {1}));
  cache.observe(snapshot + 1, state + 1);
  REQUIRE_FALSE(cache.find(snapshot + 1, dependents, 1));
}
