#include <deriva/storage/environment.hpp>

#include "support/catch.hpp"

#include <csignal>
#include <thread>

#include "unit/storage/storage_fixture.hpp"

namespace deriva::test {

TEST_CASE("two opens of one directory are not two environments") {
  const TemporaryDirectory place;
  auto first = Environment::open(place.store()).value();
  std::filesystem::create_directory_symlink(place.path(), place.path() / "alias");
  auto second = Environment::open(place.path() / "alias" / "store").value();
  CHECK(&first.impl() == &second.impl());

  auto table = Numbers::open(first, "numbers").value();
  REQUIRE(put_number(first, table, 1, 11));
  CHECK(get_number(second, Numbers::open(second, "numbers").value(), 1).value() == 11U);
}

TEST_CASE("threads that open and close a directory at once never see two environments or a closed one") {
  const TemporaryDirectory place;
  REQUIRE(Environment::open(place.store()));
  std::vector<std::thread> threads;
  std::atomic<int> failures{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        auto environment = Environment::open(place.store());
        if (!environment || !environment->stats()) ++failures;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(failures == 0);
}

TEST_CASE("another durability for an open directory is refused, not ignored") {
  const TemporaryDirectory place;
  const auto first = Environment::open(place.store()).value();
  CHECK(open_error(place.store(), {.durability = Durability::relaxed}) == Errc::invalid_argument);
  CHECK(first.durability() == Durability::sync);
}

TEST_CASE("what was written is lost when the environment is closed") {
  for (const Durability durability : {Durability::sync, Durability::relaxed}) {
    const TemporaryDirectory place;
    {
      auto environment = Environment::open(place.store(), {.durability = durability}).value();
      auto table = Numbers::open(environment, "numbers").value();
      REQUIRE(put_number(environment, table, 1, 11));
      REQUIRE(environment.flush());
    }
    auto environment = Environment::open(place.store(), {.durability = durability}).value();
    CHECK(get_number(environment, Numbers::open(environment, "numbers").value(), 1).value() == 11U);
  }
}

TEST_CASE("a forked child uses the environment of its parent") {
  const TemporaryDirectory place;
  auto environment = Environment::open(place.store()).value();
  auto table = Numbers::open(environment, "numbers").value();
  REQUIRE(put_number(environment, table, 1, 11));
  const int code = in_child([&] {
    const auto locked = [](const auto& result) { return !result && result.error().code() == Errc::locked; };
    if (!locked(get_number(environment, table, 1))) return 1;
    if (!locked(put_number(environment, table, 1, 12))) return 2;
    if (!locked(environment.stats())) return 3;
    if (!locked(environment.flush())) return 4;
    auto own = Environment::open(place.store());
    if (!own) return 5;
    auto own_table = Numbers::open(*own, "numbers");
    if (!own_table || get_number(*own, *own_table, 1).value() != 11U) return 6;
    return put_number(*own, *own_table, 2, 22) ? 0 : 7;
  });
  CHECK(code == 0);
  CHECK(get_number(environment, table, 2).value() == 22U);
  CHECK(put_number(environment, table, 3, 33));
}

TEST_CASE("a read inside a read waits for itself, or sees another snapshot") {
  const TemporaryDirectory place;
  auto environment = Environment::open(place.store()).value();
  auto table = Numbers::open(environment, "numbers").value();
  const auto done = environment.read([&](const ReadTransaction& outer) -> Result<void> {
    std::thread([&] { REQUIRE(put_number(environment, table, 1, 11)); }).join();
    return environment.read([&](const ReadTransaction& inner) -> Result<void> {
      CHECK(inner.id() == outer.id());
      CHECK_FALSE(table.contains(inner, 1).value());
      return {};
    });
  });
  REQUIRE(done);
  CHECK(get_number(environment, table, 1).value() == 11U);
}

TEST_CASE("a read inside a write sees what is not committed") {
  const TemporaryDirectory place;
  auto environment = Environment::open(place.store()).value();
  auto table = Numbers::open(environment, "numbers").value();
  REQUIRE(environment.write([&](WriteTransaction& transaction) -> Result<void> {
    REQUIRE(table.put(transaction, 1, 11));
    CHECK(table.get(transaction, 1).value() == 11U);
    CHECK_FALSE(get_number(environment, table, 1).value().has_value());
    return {};
  }));
}

TEST_CASE("a write inside a read or a write waits for itself") {
  const TemporaryDirectory place;
  auto environment = Environment::open(place.store()).value();
  auto table = Numbers::open(environment, "numbers").value();
  const auto nested = [&](const auto&) -> Result<void> {
    const auto refused = put_number(environment, table, 1, 11);
    CHECK(refused.error().code() == Errc::invalid_argument);
    const auto opened = Numbers::open(environment, "another");
    CHECK(opened.error().code() == Errc::invalid_argument);
    return {};
  };
  REQUIRE(environment.read(nested));
  REQUIRE(environment.write(nested));
  CHECK(put_number(environment, table, 1, 11));
}

TEST_CASE("a write inside a read of another environment is refused") {
  const TemporaryDirectory place;
  const TemporaryDirectory elsewhere;
  auto environment = Environment::open(place.store()).value();
  auto other = Environment::open(elsewhere.store()).value();
  auto table = Numbers::open(other, "numbers").value();
  REQUIRE(environment.read([&](const ReadTransaction&) { return put_number(other, table, 1, 11); }));
  CHECK(get_number(other, table, 1).value() == 11U);
}

TEST_CASE("an exception from a read keeps its snapshot open") {
  const TemporaryDirectory place;
  auto environment = Environment::open(place.store()).value();
  auto table = Numbers::open(environment, "numbers").value();
  CHECK_THROWS_AS(environment.read([&](const ReadTransaction&) -> Result<void> { throw 42; }), int);
  REQUIRE(put_number(environment, table, 1, 11));
  CHECK(get_number(environment, table, 1).value() == 11U);
  const auto stats = environment.stats().value();
  CHECK(stats.oldest_reader == stats.last_transaction);
}

TEST_CASE("the stats do not show a reader that holds old pages") {
  const TemporaryDirectory place;
  auto environment = Environment::open(place.store()).value();
  auto table = Numbers::open(environment, "numbers").value();
  REQUIRE(environment.read([&](const ReadTransaction& transaction) -> Result<void> {
    std::thread([&] {
      REQUIRE(put_number(environment, table, 1, 11));
      const auto stats = environment.stats().value();
      CHECK(stats.oldest_reader == transaction.id());
      CHECK(stats.last_transaction == transaction.id() + 1);
      CHECK(stats.readers >= 1);
    }).join();
    return {};
  }));
}

namespace {

/// Reads on so many threads at the same time. Returns how many were refused because all reader slots were in use.
int read_at_once(const Environment& environment, int threads) {
  std::atomic<int> inside{0};
  std::atomic<int> refused{0};
  std::vector<std::thread> running;
  for (int i = 0; i < threads; ++i) {
    running.emplace_back([&] {
      const auto read = environment.read([&](const ReadTransaction&) -> Result<void> {
        ++inside;
        while (inside + refused < threads) std::this_thread::yield();
        return {};
      });
      if (!read && read.error().code() == Errc::locked) ++refused;
    });
  }
  for (auto& thread : running) thread.join();
  return inside + refused == threads ? refused.load() : -1;
}

}  // namespace

TEST_CASE("more simultaneous reads than reader slots are not a typed error") {
  const TemporaryDirectory place;
  auto environment = Environment::open(place.store()).value();
  CHECK(read_at_once(environment, 520) == 8);
  CHECK(read_at_once(environment, 512) == 0);
}

TEST_CASE("readers of a process that was killed use up the reader slots for ever") {
  const TemporaryDirectory place;
  int from_child[2];
  REQUIRE(::pipe(from_child) == 0);
  const ::pid_t child = ::fork();
  if (child == 0) {
    auto own = Environment::open(place.store());
    const bool ready = own && read_at_once(*own, 500) == 0 && ::write(from_child[1], "x", 1) == 1;
    while (ready) ::pause();
    ::_exit(1);
  }
  char ready = 0;
  REQUIRE(::read(from_child[0], &ready, 1) == 1);
  auto environment = Environment::open(place.store()).value();
  CHECK(environment.stats().value().readers >= 500);
  CHECK(read_at_once(environment, 1) == 0);
  REQUIRE(::kill(child, SIGKILL) == 0);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  CHECK(read_at_once(environment, 100) == 0);
}

}  // namespace deriva::test
