#include <deriva/storage/table.hpp>

#include "support/catch.hpp"

#include <map>
#include <random>
#include <set>

#include <deriva/core/digest.hpp>

#include "unit/storage/storage_fixture.hpp"

namespace deriva::test {
namespace {

using Edges = SetTable<std::uint64_t, std::uint64_t>;

struct Fixture {
  TemporaryDirectory place;
  Environment environment = Environment::open(place.store(), {.durability = Durability::relaxed}).value();

  template <class Operation>
  auto write(Operation operation) {
    return environment.write([&](WriteTransaction& t) -> Result<decltype(operation(t))> { return operation(t); })
        .value();
  }
  template <class Operation>
  auto read(Operation operation) {
    return environment.read([&](const ReadTransaction& t) -> Result<decltype(operation(t))> { return operation(t); })
        .value();
  }
};

std::set<std::uint64_t> values_of(const ReadTransaction& transaction, const Edges& edges, std::uint64_t key) {
  std::set<std::uint64_t> values;
  std::uint64_t visited = 0;
  REQUIRE(edges.for_each_value(transaction, key, [&](std::uint64_t value) {
    values.insert(value);
    ++visited;
  }));
  CHECK(visited == values.size());
  return values;
}

}  // namespace

TEST_CASE("a table confuses absence, insertion and replacement") {
  Fixture fixture;
  const auto table = Numbers::open(fixture.environment, "numbers").value();
  fixture.write([&](WriteTransaction& t) {
    CHECK_FALSE(table.get(t, 1).value().has_value());
    CHECK_FALSE(table.erase(t, 1).value());
    CHECK(table.insert(t, 1, 11).value());
    CHECK_FALSE(table.insert(t, 1, 12).value());
    CHECK(table.get(t, 1).value() == 11U);
    CHECK(table.put(t, 1, 13));
    CHECK(table.get(t, 1).value() == 13U);
    CHECK(table.size(t).value() == 1);
    CHECK(table.erase(t, 1).value());
    CHECK_FALSE(table.contains(t, 1).value());
    return 0;
  });
}

TEST_CASE("a key of no bytes or too many reaches LMDB") {
  Fixture fixture;
  const auto table = Table<BytesView, BytesView>::open(fixture.environment, "bytes").value();
  const std::string longest(511, 'k');
  const std::string too_long(512, 'k');
  const auto invalid = [](const auto& result) { return !result && result.error().code() == Errc::invalid_argument; };
  fixture.write([&](WriteTransaction& t) {
    CHECK(table.put(t, as_bytes(longest), as_bytes("")));
    CHECK(table.get(t, as_bytes(longest)).value()->empty());
    for (const BytesView key : {BytesView(), as_bytes(too_long)}) {
      CHECK(invalid(table.get(t, key)));
      CHECK(invalid(table.put(t, key, as_bytes("v"))));
      CHECK(invalid(table.insert(t, key, as_bytes("v"))));
      CHECK(invalid(table.erase(t, key)));
    }
    return 0;
  });
  CHECK(fixture.read([&](const ReadTransaction& t) { return table.size(t).value(); }) == 1);
}

TEST_CASE("a stored value of the wrong size is returned") {
  Fixture fixture;
  const auto bytes = Bytes::open(fixture.environment, "numbers").value();
  fixture.write([&](WriteTransaction& t) { return bytes.put(t, 1, as_bytes("short")).has_value(); });
  const auto numbers = Numbers::open(fixture.environment, "numbers").value();
  fixture.read([&](const ReadTransaction& t) {
    CHECK(numbers.get(t, 1).error().code() == Errc::corrupted);
    CHECK(numbers.for_each(t, [](auto, auto) {}).error().code() == Errc::corrupted);
    return 0;
  });
}

TEST_CASE("one name stands for tables of two kinds") {
  Fixture fixture;
  REQUIRE(Numbers::open(fixture.environment, "numbers"));
  REQUIRE(Edges::open(fixture.environment, "edges"));
  CHECK(Edges::open(fixture.environment, "numbers").error().code() == Errc::invalid_argument);
  CHECK(Numbers::open(fixture.environment, "edges").error().code() == Errc::invalid_argument);
  CHECK(SetTable<std::uint64_t, Digest>::open(fixture.environment, "edges").error().code() == Errc::invalid_argument);
}

TEST_CASE("one name stands for tables of two kinds after a new start") {
  const TemporaryDirectory place;
  {
    auto environment = Environment::open(place.store()).value();
    REQUIRE(Numbers::open(environment, "numbers"));
  }
  auto environment = Environment::open(place.store()).value();
  CHECK(Edges::open(environment, "numbers").error().code() == Errc::format_mismatch);
  CHECK(Numbers::open(environment, "numbers"));
}

TEST_CASE("a walk over a table misses entries or does not stop") {
  Fixture fixture;
  const auto table = Table<BytesView, std::uint64_t>::open(fixture.environment, "names").value();
  fixture.write([&](WriteTransaction& t) {
    for (const std::string name : {"a", "b", "c", "d"}) REQUIRE(table.put(t, as_bytes(name), 1));
    return 0;
  });
  fixture.read([&](const ReadTransaction& t) {
    std::string seen;
    CHECK(table.for_each(t, [&](BytesView key, std::uint64_t) { seen += as_text(key); }));
    CHECK(seen == "abcd");
    seen.clear();
    CHECK(table.for_each_from(t, as_bytes("bb"), [&](BytesView key, std::uint64_t) { seen += as_text(key); }));
    CHECK(seen == "cd");
    seen.clear();
    CHECK(table.for_each(t, [&](BytesView key, std::uint64_t) { return (seen += as_text(key)) != "ab"; }));
    CHECK(seen == "ab");
    return 0;
  });
}

TEST_CASE("a set loses values of a key with one value, one page or many pages") {
  Fixture fixture;
  const auto edges = Edges::open(fixture.environment, "edges").value();
  const std::uint64_t values = GENERATE(0U, 1U, 2U, 100U, 511U, 20'000U);
  fixture.write([&](WriteTransaction& t) {
    REQUIRE(edges.insert(t, 1, 7));
    REQUIRE(edges.insert(t, 3, 7));
    for (std::uint64_t i = 0; i < values; ++i) REQUIRE(edges.insert(t, 2, i * 3).value());
    return 0;
  });
  fixture.read([&](const ReadTransaction& t) {
    CHECK(edges.count(t, 2).value() == values);
    CHECK(edges.size(t).value() == values + 2);
    CHECK(values_of(t, edges, 2).size() == values);
    std::uint64_t visited = 0;
    CHECK(edges.for_each_value(t, 2, [&](std::uint64_t) { return ++visited < 3; }));
    CHECK(visited == std::min<std::uint64_t>(values, 3));
    return 0;
  });
  fixture.write([&](WriteTransaction& t) {
    CHECK(edges.erase_all(t, 2).value() == (values > 0));
    CHECK_FALSE(edges.erase_all(t, 2).value());
    CHECK(edges.size(t).value() == 2);
    return 0;
  });
}

TEST_CASE("a table differs from std::map after random changes") {
  Fixture fixture;
  std::mt19937_64 random(20261122);
  std::optional<Bytes> table = Bytes::open(fixture.environment, "bytes").value();
  std::map<std::uint64_t, std::string> model;
  for (int round = 0; round < 60; ++round) {
    fixture.write([&](WriteTransaction& t) {
      for (int i = 0; i < 100; ++i) {
        const std::uint64_t key = random() % 300;
        const std::string value(random() % (random() % 8 == 0 ? 9'000 : 60), static_cast<char>('a' + random() % 26));
        switch (random() % 4) {
          case 0:
            CHECK(table->erase(t, key).value() == (model.erase(key) == 1));
            break;
          case 1:
            CHECK(table->insert(t, key, as_bytes(value)).value() == model.emplace(key, value).second);
            break;
          default:
            REQUIRE(table->put(t, key, as_bytes(value)));
            model[key] = value;
        }
      }
      return 0;
    });
    fixture.read([&](const ReadTransaction& t) {
      std::map<std::uint64_t, std::string> stored;
      REQUIRE(table->for_each(t, [&](std::uint64_t key, BytesView value) { stored[key] = as_text(value); }));
      CHECK(stored == model);
      CHECK(table->size(t).value() == model.size());
      return 0;
    });
  }
}

TEST_CASE("a set differs from std::set after random changes") {
  Fixture fixture;
  std::mt19937_64 random(20261123);
  const auto edges = Edges::open(fixture.environment, "edges").value();
  std::map<std::uint64_t, std::set<std::uint64_t>> model;
  for (int round = 0; round < 60; ++round) {
    fixture.write([&](WriteTransaction& t) {
      for (int i = 0; i < 400; ++i) {
        const std::uint64_t key = random() % (round < 30 ? 5 : 50);
        const std::uint64_t value = random() % 3'000;
        const std::uint64_t what = random() % 1'000;
        if (what < 2) {
          CHECK(edges.erase_all(t, key).value() == (model.erase(key) == 1));
        } else if (what < 350) {
          CHECK(edges.erase(t, key, value).value() == (model[key].erase(value) == 1));
          if (model[key].empty()) model.erase(key);
        } else {
          CHECK(edges.insert(t, key, value).value() == model[key].insert(value).second);
        }
      }
      return 0;
    });
    fixture.read([&](const ReadTransaction& t) {
      std::uint64_t total = 0;
      for (const auto& [key, values] : model) {
        CHECK(values_of(t, edges, key) == values);
        CHECK(edges.count(t, key).value() == values.size());
        CHECK(edges.contains(t, key, *values.begin()).value());
        CHECK_FALSE(edges.contains(t, key, 3'000).value());
        total += values.size();
      }
      CHECK(edges.size(t).value() == total);
      return 0;
    });
  }
}

}  // namespace deriva::test
