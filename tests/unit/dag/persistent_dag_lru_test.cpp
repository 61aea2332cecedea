#include <deriva/dag/persistent_dag.hpp>

#include <vector>

#include <deriva/storage/table.hpp>

#include "support/catch.hpp"
#include "unit/dag/persistent_fixture.hpp"

namespace {

using deriva::Result;
using deriva::WriteTransaction;
using deriva::test::Key8;
using Persistent8 = deriva::test::PersistentFixture<Key8>;
using WithoutLru = deriva::test::PersistentFixture<Key8, 0>;
using SmallLru = deriva::test::PersistentFixture<Key8, 2>;

}  // namespace

TEST_CASE("LRU: an insert and a query keep their lists, a hit gives what the tables have", "[dag]") {
  Persistent8 f;
  REQUIRE(f.dag.insert(10, {1, 2}).value());
  REQUIRE(*f.dag.inputs(10).value() == std::vector<Key8>{1, 2});
  REQUIRE(f.dag.direct_dependents(1).value() == std::vector<Key8>{10});
  const auto before = f.dag.cache_stats();
  REQUIRE(*f.dag.inputs(10).value() == std::vector<Key8>{1, 2});
  REQUIRE(f.dag.direct_dependents(1).value() == std::vector<Key8>{10});
  REQUIRE(f.dag.cache_stats().hits == before.hits + 2);
  REQUIRE(f.dag.insert(11, {1}).value());
  REQUIRE(*f.dag.inputs(11).value() == std::vector<Key8>{1});  // written through
  REQUIRE(f.dag.cache_stats().hits == before.hits + 3);
  REQUIRE(f.dag.cache_stats().misses == before.misses);
  REQUIRE(f.dag.direct_dependents(1).value() == std::vector<Key8>{10, 11});
  REQUIRE(f.dag.cache_stats().misses == before.misses + 1);
}

TEST_CASE("LRU: what a removal changes is served as it was", "[dag]") {
  Persistent8 f;
  REQUIRE(f.dag.insert(10, {1}).value());
  REQUIRE(f.dag.insert(11, {1}).value());
  REQUIRE(f.dag.direct_dependents(1).value() == std::vector<Key8>{10, 11});
  REQUIRE(f.dag.remove(11).value());
  REQUIRE(f.dag.direct_dependents(1).value() == std::vector<Key8>{10});
  REQUIRE_FALSE(f.dag.inputs(11).value().has_value());
  REQUIRE(f.dag.force_remove(10).value());
  REQUIRE(f.dag.direct_dependents(1).value().empty());
}

TEST_CASE("LRU: a small one evicts, none at all works too", "[dag]") {
  SmallLru small;
  WithoutLru none;
  for (Key8 n = 10; n < 20; ++n) REQUIRE(small.dag.insert(n, {n - 1}).value());
  for (Key8 n = 10; n < 20; ++n) REQUIRE(none.dag.insert(n, {n - 1}).value());
  for (Key8 n = 10; n < 20; ++n) REQUIRE(*small.dag.inputs(n).value() == std::vector<Key8>{n - 1});
  for (Key8 n = 10; n < 20; ++n) REQUIRE(*none.dag.inputs(n).value() == std::vector<Key8>{n - 1});
  REQUIRE(small.dag.cache_stats().entries == 2);
  REQUIRE(small.dag.cache_stats().misses >= 8);
  REQUIRE(none.dag.cache_stats().entries == 0);
}

TEST_CASE("LRU: commits that do not touch the graph empty it", "[dag]") {
  Persistent8 f;
  auto names = deriva::Table<Key8, Key8>::open(*f.environment, "names").value();
  REQUIRE(f.dag.insert(10, {1}).value());
  REQUIRE(f.dag.inputs(10).value().has_value());
  const auto before = f.dag.cache_stats();
  for (Key8 n = 0; n < 10; ++n) {
    REQUIRE(f.environment->write([&](WriteTransaction& transaction) { return names.put(transaction, n, n); }));
    REQUIRE(f.dag.inputs(10).value().has_value());
  }
  REQUIRE(f.dag.cache_stats().hits == before.hits + 10);
}
