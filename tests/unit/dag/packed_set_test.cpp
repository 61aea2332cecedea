#include "dag/packed_set.hpp"

#include <algorithm>
#include <cstdint>
#include <random>
#include <set>
#include <vector>

#include "storage/environment_impl.hpp"
#include "support/catch.hpp"
#include "unit/dag/persistent_fixture.hpp"

namespace {

using deriva::Errc;
using deriva::Result;
using deriva::WriteTransaction;
using deriva::detail::Cursor;
using deriva::detail::Failure;
using deriva::detail::guarded;
using deriva::detail::graph::PackedPage;
using deriva::detail::graph::PackedSet;
using deriva::detail::graph::radix_sort;
using Values = std::vector<std::uint64_t>;

struct Fixture {
  deriva::test::GraphDirectory directory;
  deriva::Environment environment = deriva::test::open_environment(directory);
  MDB_dbi table = environment.impl().table("set", MDB_INTEGERKEY, 0).value();
  std::set<std::uint64_t> model;

  Result<void> apply(const Values& add, const Values& remove) {
    return environment.write([&](WriteTransaction& transaction) {
      return guarded<void>([&]() -> Result<void> {
        PackedSet::apply(transaction, table, add, remove);
        return {};
      });
    });
  }
  void change(const std::set<std::uint64_t>& add, const std::set<std::uint64_t>& remove) {
    REQUIRE(apply(Values(add.begin(), add.end()), Values(remove.begin(), remove.end())));
    for (const std::uint64_t value : remove) model.erase(value);
    model.insert(add.begin(), add.end());
  }
  /// What four ways of asking agree on; two of them ask so often that the reader learns where the pages are.
  Values stored(std::uint64_t from, std::uint64_t to) {
    return environment
        .read([&](const deriva::ReadTransaction& transaction) -> Result<Values> {
          Values values;
          PackedSet::Reader reader(Cursor(transaction.native(), table), PackedSet::Reader::Memory::none);
          PackedSet::Reader learnt(Cursor(transaction.native(), table), PackedSet::Reader::Memory::pages);
          for (int i = 0; i < 64; ++i) (void)learnt.contains(from);
          Values again;
          learnt.for_each(from, to, [&](std::uint64_t value) { return again.push_back(value), true; });
          Values again_even;
          learnt.for_each_even(from, to, [&](std::uint64_t value) { return again_even.push_back(value), true; });
          reader.for_each(from, to, [&](std::uint64_t value) { return values.push_back(value), true; });
          Values even;
          reader.for_each_even(from, to, [&](std::uint64_t value) { return even.push_back(value), true; });
          return even == values && again == values && again_even == values ? values : Values{0, 0, 0};
        })
        .value();
  }
  void compare(std::mt19937_64& random) {
    REQUIRE(stored(0, PackedSet::last_key) == Values(model.begin(), model.end()));
    for (int i = 0; i < 20; ++i) {
      std::uint64_t from = random();
      if (!model.empty() && i % 2 == 0) from = *model.lower_bound(random() % *model.rbegin());
      const std::uint64_t to = from + random() % (std::uint64_t{1} << 60U);
      if (to < from) continue;
      REQUIRE(stored(from, to) == Values(model.lower_bound(from), model.upper_bound(to)));
    }
  }
};

}  // namespace

TEST_CASE("a packed set differs from a std::set", "[dag]") {
  Fixture f;
  const std::uint64_t spread = GENERATE(std::uint64_t{3'000}, std::uint64_t{1} << 62U);
  std::mt19937_64 random(spread);
  f.compare(random);
  for (int round = 0; round < 60; ++round) {
    std::set<std::uint64_t> add;
    std::set<std::uint64_t> remove;
    const std::uint64_t base = random() % 3 == 0 ? f.model.size() : 0;
    for (std::size_t n = random() % 2'000; n > 0; --n) {
      const std::uint64_t value = base + random() % spread;
      if (!f.model.contains(value)) add.insert(value);
    }
    for (const std::uint64_t value : f.model) {
      if (random() % (round % 10 == 9 ? 1 + random() % 2 : 10) == 0) remove.insert(value);
    }
    f.change(add, remove);
    f.compare(random);
  }
}

TEST_CASE("a packed set takes what is there, or gives what is not", "[dag]") {
  Fixture f;
  f.change({1, 5, 9}, {});
  REQUIRE(f.apply({5}, {}).error().code() == Errc::corrupted);
  REQUIRE(f.apply({}, {6}).error().code() == Errc::corrupted);
  REQUIRE(f.stored(0, 10) == Values{1, 5, 9});
}

TEST_CASE("values added in order leave pages half empty", "[dag]") {
  Fixture f;
  for (std::uint64_t n = 0; n < 50; ++n) {
    std::set<std::uint64_t> add;
    for (std::uint64_t i = 0; i < 1'000; ++i) add.insert(n * 1'000 + i);
    f.change(add, {});
  }
  const auto pages = f.environment
                         .read([&](const deriva::ReadTransaction& transaction) -> Result<std::uint64_t> {
                           return deriva::detail::table_size(transaction.native(), f.table).entries;
                         })
                         .value();
  REQUIRE(pages <= 50'000 / 510 + 2);
}

TEST_CASE("values added evenly leave pages less than 7/8 full", "[dag]") {
  Fixture f;
  std::mt19937_64 random(4);
  std::size_t worst = 0;
  for (int round = 0; round < 60; ++round) {
    std::set<std::uint64_t> add;
    while (add.size() < 2'000) add.insert(random() >> 1U);
    f.change(add, {});
    const auto pages = f.environment
                           .read([&](const deriva::ReadTransaction& transaction) -> Result<std::uint64_t> {
                             return deriva::detail::table_size(transaction.native(), f.table).entries;
                           })
                           .value();
    if (round > 30) worst = std::max<std::size_t>(worst, pages * 510 * 100 / f.model.size());
  }
  REQUIRE(worst < 115);
}

TEST_CASE("radix_sort sorts", "[dag]") {
  std::mt19937_64 random(5);
  for (const std::size_t size : {0U, 1U, 63U, 64U, 5'000U}) {
    for (const std::uint64_t mask : {~std::uint64_t{0}, std::uint64_t{0xff00ff}, std::uint64_t{0}}) {
      Values values(size);
      for (std::uint64_t& value : values) value = random() & mask;
      Values expected = values;
      std::sort(expected.begin(), expected.end());
      radix_sort(values);
      REQUIRE(values == expected);
    }
  }
}
