#include <deriva/storage/environment.hpp>

#include "support/catch.hpp"

#include <functional>
#include <stdexcept>

#include "unit/storage/storage_fixture.hpp"

namespace deriva::test {
namespace {

/// Several writes that are certain to be in one group: they queue up while another write is inside its operation.
class Group {
 public:
  explicit Group(Environment& environment) : environment_(environment) {}

  void add(std::function<void()> write) { writes_.push_back(std::move(write)); }

  void run() {
    std::vector<std::thread> threads;
    REQUIRE(environment_.write([&](WriteTransaction&) -> Result<void> {
      std::uint64_t queued = 0;
      for (auto& write : writes_) {  // one by one: the order in the queue is the order of `add`
        threads.emplace_back(write);
        wait_for_queue(environment_, ++queued);
      }
      return {};
    }));
    for (auto& thread : threads) thread.join();
  }

 private:
  Environment& environment_;
  std::vector<std::function<void()>> writes_;
};

struct Fixture : Expectations {
  TemporaryDirectory place;
  Environment environment;
  Numbers table;

  explicit Fixture(EnvironmentOptions options = {})
      : environment(Environment::open(place.store(), options).value()),
        table(Numbers::open(environment, "numbers").value()) {}
  std::optional<std::uint64_t> get(std::uint64_t key) const { return get_number(environment, table, key).value(); }
  EnvironmentStats stats() const { return environment.stats().value(); }
};

}  // namespace

TEST_CASE("writes that wait at the same time are committed one by one") {
  Fixture fixture;
  Group group(fixture.environment);
  for (std::uint64_t i = 0; i < 8; ++i) {
    group.add([&fixture, i] { fixture.expect(put_number(fixture.environment, fixture.table, i, i).has_value()); });
  }
  const auto before = fixture.stats();
  group.run();
  CHECK(fixture.failures() == 0);
  const auto after = fixture.stats();
  CHECK(after.commits - before.commits == 1);
  CHECK(after.operations - before.operations == 8);
  for (std::uint64_t i = 0; i < 8; ++i) CHECK(fixture.get(i) == i);
}

TEST_CASE("a group takes more operations than it may") {
  Fixture fixture({.max_group = 3});
  Group group(fixture.environment);
  for (std::uint64_t i = 0; i < 8; ++i) {
    group.add([&fixture, i] { fixture.expect(put_number(fixture.environment, fixture.table, i, i).has_value()); });
  }
  const auto before = fixture.stats();
  group.run();
  CHECK(fixture.failures() == 0);
  CHECK(fixture.stats().commits - before.commits == 3);
}

TEST_CASE("an operation that fails takes others of its group with it, or leaves its changes") {
  Fixture fixture;
  Group group(fixture.environment);
  const std::uint64_t failing = GENERATE(0U, 3U, 7U);
  for (std::uint64_t i = 0; i < 8; ++i) {
    group.add([&fixture, i, failing] {
      const auto done = fixture.environment.write([&](WriteTransaction& transaction) -> Result<std::uint64_t> {
        if (auto put = fixture.table.put(transaction, i, i); !put) return put.error();
        if (i == failing) return Error(Errc::cycle, "on purpose");
        return i;
      });
      if (i == failing) {
        fixture.expect(!done && done.error().code() == Errc::cycle && done.error().message() == "on purpose");
      } else {
        fixture.expect(done && *done == i);
      }
    });
  }
  const auto before = fixture.stats();
  group.run();
  CHECK(fixture.failures() == 0);
  CHECK(fixture.stats().commits - before.commits == 1);
  CHECK(fixture.stats().operations - before.operations == 7);
  for (std::uint64_t i = 0; i < 8; ++i) CHECK(fixture.get(i).has_value() == (i != failing));
}

TEST_CASE("many operations that fail late are run without end") {
  Fixture fixture;
  Group group(fixture.environment);
  std::atomic<int> runs{0};
  for (std::uint64_t i = 0; i < 40; ++i) {
    group.add([&fixture, &runs, i] {
      const auto done = fixture.environment.write([&](WriteTransaction& transaction) -> Result<void> {
        ++runs;
        if (auto put = fixture.table.put(transaction, i, i); !put) return put.error();
        if (i % 2 == 0) return Error(Errc::cycle);
        return {};
      });
      fixture.expect(done.has_value() == (i % 2 == 1));
    });
  }
  group.run();
  CHECK(fixture.failures() == 0);
  CHECK(runs < 40 * 2);
  for (std::uint64_t i = 0; i < 40; ++i) CHECK(fixture.get(i).has_value() == (i % 2 == 1));
}

TEST_CASE("an operation that fails before it changes anything makes the others run again") {
  Fixture fixture;
  Group group(fixture.environment);
  int runs = 0;
  group.add([&] {
    const auto done = fixture.environment.write([&](WriteTransaction& transaction) {
      ++runs;
      return fixture.table.put(transaction, 1, 1);
    });
    fixture.expect(done.has_value());
  });
  group.add([&] {
    const auto done =
        fixture.environment.write([](WriteTransaction&) -> Result<void> { return Error(Errc::not_found); });
    fixture.expect(!done && done.error().code() == Errc::not_found);
  });
  group.run();
  CHECK(fixture.failures() == 0);
  CHECK(runs == 1);
  CHECK(fixture.get(1) == 1U);
}

TEST_CASE("an exception goes to another caller, or stops the queue") {
  Fixture fixture;
  Group group(fixture.environment);
  for (std::uint64_t i = 0; i < 4; ++i) {
    group.add([&fixture, i] {
      const auto write = [&] {
        return fixture.environment.write([&](WriteTransaction& transaction) -> Result<void> {
          if (auto put = fixture.table.put(transaction, i, i); !put) return put.error();
          if (i == 1) throw std::runtime_error("on purpose");
          return {};
        });
      };
      try {
        fixture.expect(write().has_value() && i != 1);
      } catch (const std::runtime_error& error) {
        fixture.expect(i == 1 && error.what() == std::string("on purpose"));
      }
    });
  }
  group.run();
  CHECK(fixture.failures() == 0);
  for (std::uint64_t i = 0; i < 4; ++i) CHECK(fixture.get(i).has_value() == (i != 1));
  CHECK(put_number(fixture.environment, fixture.table, 9, 9));
}

TEST_CASE("writes of many threads are lost") {
  Fixture fixture({.durability = Durability::relaxed});
  constexpr std::uint64_t threads = 8;
  constexpr std::uint64_t each = 50;
  std::vector<std::thread> running;
  std::atomic<std::uint64_t> acknowledged{0};
  for (std::uint64_t t = 0; t < threads; ++t) {
    running.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < each; ++i) {
        if (put_number(fixture.environment, fixture.table, t * each + i, i) &&
            get_number(fixture.environment, fixture.table, t * each + i).value() == i) {
          ++acknowledged;
        }
      }
    });
  }
  for (auto& thread : running) thread.join();
  CHECK(acknowledged == threads * each);
  const auto size = fixture.environment.read([&](const ReadTransaction& t) { return fixture.table.size(t); });
  CHECK(size.value() == threads * each);
}

TEST_CASE("tables that several threads open at once are different tables") {
  Fixture fixture;
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < 8; ++i) {
        auto table = Numbers::open(fixture.environment, "table" + std::to_string(i));
        fixture.expect(table && put_number(fixture.environment, *table, t, i));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(fixture.failures() == 0);
  for (std::uint64_t i = 0; i < 8; ++i) {
    const auto table = Numbers::open(fixture.environment, "table" + std::to_string(i)).value();
    for (std::uint64_t t = 0; t < 4; ++t) CHECK(get_number(fixture.environment, table, t).value() == i);
  }
}

TEST_CASE("a failed operation leaves a table that was opened in it") {
  Fixture fixture({.max_tables = 2});
  REQUIRE(Numbers::open(fixture.environment, "second"));
  const auto third = Numbers::open(fixture.environment, "third");
  CHECK(third.error().code() == Errc::locked);
  CHECK(Numbers::open(fixture.environment, "second"));
  CHECK(put_number(fixture.environment, fixture.table, 1, 1));
}

}  // namespace deriva::test
