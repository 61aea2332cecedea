#include <deriva/dag/persistent_dag.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "support/catch.hpp"
#include "unit/dag/persistent_fixture.hpp"

namespace {

using deriva::Errc;
using deriva::Result;
using deriva::WriteTransaction;
using deriva::test::Key8;
using Fixture = deriva::test::PersistentFixture<Key8>;
using Dag = deriva::PersistentDag<Key8>;

/// Runs `work(0)` to `work(count - 1)` at the same time. Assertions are made afterwards, on one thread: Catch's are not
/// safe on several.
template <class Work>
void in_parallel(std::size_t count, Work work) {
  std::vector<std::thread> threads;
  for (std::size_t n = 0; n < count; ++n) threads.emplace_back([&work, n] { work(n); });
  for (std::thread& thread : threads) thread.join();
}

bool has(const std::vector<Key8>& keys, Key8 key) { return std::find(keys.begin(), keys.end(), key) != keys.end(); }

/// Another process with the same graph open, which inserts what it is told to. Forked before this one has anything
/// open: a fork of an open environment cannot use it.
class OtherProcess {
 public:
  explicit OtherProcess(const deriva::test::GraphDirectory& directory) {
    REQUIRE(::pipe(orders_) == 0);
    REQUIRE(::pipe(answers_) == 0);
    child_ = ::fork();
    REQUIRE(child_ >= 0);
    if (child_ == 0) ::_exit(serve(directory));
    ::close(orders_[0]);
    ::close(answers_[1]);
  }
  OtherProcess(const OtherProcess&) = delete;
  OtherProcess& operator=(const OtherProcess&) = delete;
  ~OtherProcess() {
    ::close(orders_[1]);
    int status = 0;
    ::waitpid(child_, &status, 0);
    ::close(answers_[0]);
  }

  /// Inserts `key` with input 1 and returns whether that worked.
  bool insert(Key8 key) {
    char answer = 0;
    return ::write(orders_[1], &key, sizeof(key)) == sizeof(key) && ::read(answers_[0], &answer, 1) == 1 &&
           answer == 'y';
  }

 private:
  int serve(const deriva::test::GraphDirectory& directory) const {
    ::close(orders_[1]);
    Key8 key = 0;
    if (::read(orders_[0], &key, sizeof(key)) != sizeof(key)) return 1;
    deriva::Result<deriva::Environment> environment = deriva::Environment::open(directory.path(), relaxed());
    if (!environment) return 2;
    deriva::Result<Dag> dag = Dag::open(*environment);
    if (!dag) return 3;
    do {
      const Result<bool> inserted = dag->insert(key, {1});
      const char answer = inserted && *inserted ? 'y' : 'n';
      if (::write(answers_[1], &answer, 1) != 1) return 4;
    } while (::read(orders_[0], &key, sizeof(key)) == sizeof(key));
    return 0;
  }
  static deriva::EnvironmentOptions relaxed() {
    deriva::EnvironmentOptions options;
    options.durability = deriva::Durability::relaxed;
    return options;
  }

  int orders_[2] = {-1, -1};
  int answers_[2] = {-1, -1};
  pid_t child_ = -1;
};

}  // namespace

TEST_CASE("10 threads insert on one input: 10 dependents", "[dag][threads]") {
  Fixture f;
  std::atomic<int> inserted{0};
  in_parallel(10, [&](std::size_t n) { inserted += f.dag.insert(100 + n, {1}).value() ? 1 : 0; });
  REQUIRE(inserted == 10);
  REQUIRE(f.dag.direct_dependents(1).value().size() == 10);
  REQUIRE(f.dag.check());
}

TEST_CASE("the same entry from 8 threads is new for one of them", "[dag][threads]") {
  Fixture f;
  for (Key8 key = 100; key < 150; ++key) {
    std::atomic<int> inserted{0};
    in_parallel(8, [&](std::size_t) { inserted += f.dag.insert(key, {1, 2}).value() ? 1 : 0; });
    REQUIRE(inserted == 1);
  }
  REQUIRE(f.dag.size() == 50);
}

TEST_CASE("a list in memory is stale after a concurrent insert", "[dag][threads]") {
  Fixture f;
  Dag second = f.open();  // another handle of the same graph, with lists of its own
  constexpr Key8 rounds = 300;
  std::atomic<int> own_missing{0};
  std::atomic<int> lost{0};
  in_parallel(6, [&](std::size_t n) {
    std::vector<Key8> before;
    for (Key8 round = 0; round < rounds; ++round) {
      if (n < 3) {
        Dag& dag = n == 2 ? second : f.dag;
        const Key8 key = 1'000 * (n + 1) + round;
        if (!dag.insert(key, {1, 2 + round % 3}).value()) ++lost;
        if (!has(dag.direct_dependents(1).value(), key)) ++own_missing;
        if (!has(dag.direct_dependents(2 + round % 3).value(), key)) ++own_missing;
        if (!dag.inputs(key).value()) ++own_missing;
      } else {
        std::vector<Key8> now = (n == 3 ? second : f.dag).direct_dependents(1).value();
        std::sort(now.begin(), now.end());
        if (!std::includes(now.begin(), now.end(), before.begin(), before.end())) ++lost;  // a query went back in time
        before = now;
      }
    }
  });
  REQUIRE(own_missing == 0);
  REQUIRE(lost == 0);
  REQUIRE(f.dag.direct_dependents(1).value().size() == 3 * rounds);
  REQUIRE(second.direct_dependents(1).value() == f.dag.direct_dependents(1).value());
  REQUIRE(f.dag.check());
}

TEST_CASE("inserts and removes at the same time tear an entry from its edges", "[dag][threads]") {
  Fixture f;
  REQUIRE(f.dag.insert(7'000, {1}).value());  // stays
  std::atomic<int> wrong{0};
  in_parallel(6, [&](std::size_t n) {
    for (Key8 round = 0; round < 250; ++round) {
      const Key8 key = 100 + round % 5;
      const std::vector<Key8> inputs = {1, 2 + key % 3, 1};
      if (n % 2 == 0) {
        if (!f.dag.insert(key, inputs)) ++wrong;
      } else if (!f.dag.remove(key)) {
        ++wrong;
      }
      const auto seen = f.dag.inputs(key).value();
      if (seen && *seen != inputs) ++wrong;
      if (!has(f.dag.direct_dependents(1).value(), 7'000)) ++wrong;
    }
  });
  REQUIRE(wrong == 0);
  REQUIRE(f.dag.check());
  for (Key8 key = 100; key < 105; ++key) {
    const bool there = f.dag.contains(key).value();
    REQUIRE(has(f.dag.direct_dependents(1).value(), key) == there);
    REQUIRE(f.dag.inputs(key).value().has_value() == there);
  }
}

TEST_CASE("remove leaves a dependent that was inserted at the same time without its dependency", "[dag][threads]") {
  Fixture f;
  for (Key8 round = 0; round < 200; ++round) {
    const Key8 below = 1'000 + 2 * round;
    REQUIRE(f.dag.insert(below, {1}).value());
    Result<bool> removed = false;
    Result<bool> inserted = false;
    in_parallel(2, [&](std::size_t n) {
      if (n == 0) removed = f.dag.remove(below);
      if (n == 1) inserted = f.dag.insert(below + 1, {below});
    });
    REQUIRE(inserted.value());  // its input may be unknown
    if (removed) {
      REQUIRE_FALSE(f.dag.contains(below).value());
    } else {
      REQUIRE(removed.error().code() == Errc::invalid_argument);
      REQUIRE(f.dag.contains(below).value());
    }
    REQUIRE(f.dag.direct_dependents(below).value() == std::vector<Key8>{below + 1});
  }
  REQUIRE(f.dag.check());
}

TEST_CASE("of two entries that would close a cycle together, one is refused", "[dag][threads]") {
  Fixture f;
  for (Key8 round = 0; round < 200; ++round) {
    const Key8 a = 1'000 + 2 * round;
    std::atomic<int> refused{0};
    in_parallel(2, [&](std::size_t n) {
      const Result<bool> inserted = n == 0 ? f.dag.insert(a, {a + 1}) : f.dag.insert(a + 1, {a});
      if (!inserted && inserted.error().code() == Errc::cycle) ++refused;
    });
    REQUIRE(refused == 1);
  }
  REQUIRE(f.dag.size() == 200);
  REQUIRE(f.dag.check());
}

TEST_CASE("5 writers and 5 readers: a reader sees an entry without its edges, or half an order", "[dag][threads]") {
  Fixture f;
  std::atomic<int> wrong{0};
  in_parallel(10, [&](std::size_t n) {
    for (Key8 round = 1; round <= 100; ++round) {
      if (n < 5) {
        const Key8 key = 1'000 * (n + 1) + round;
        if (!f.dag.insert(key, {key - 1, round}).value()) ++wrong;
        continue;
      }
      const Key8 base = 1'000 * (n - 4);
      const std::vector<Key8> order = f.dag.transitive_dependents(base).value();
      for (std::size_t at = 0; at < order.size(); ++at) {
        if (order[at] != base + 1 + at) ++wrong;
      }
      if (f.dag.depth(base + order.size()).value() < order.size()) ++wrong;
      if (!f.dag.check()) ++wrong;
    }
  });
  REQUIRE(wrong == 0);
  REQUIRE(f.dag.size() == 500);
}

TEST_CASE("an insert of another process is missed by the lists in memory", "[dag][processes]") {
  const deriva::test::GraphDirectory directory;
  OtherProcess other(directory);
  REQUIRE(other.insert(10));  // opens the graph there; from here on both have it
  deriva::Environment environment = deriva::test::open_environment(directory);
  deriva::PersistentDagOptions options;
  options.lru_entries = 1'000;
  Dag dag = Dag::open(environment, options).value();
  std::vector<Key8> expected = {10};
  for (Key8 round = 0; round < 20; ++round) {
    REQUIRE(dag.direct_dependents(1).value() == expected);
    REQUIRE_FALSE(dag.inputs(12 + 2 * round).value().has_value());
    REQUIRE(other.insert(12 + 2 * round));
    expected.push_back(12 + 2 * round);
    REQUIRE(dag.direct_dependents(1).value() == expected);
    REQUIRE(dag.inputs(12 + 2 * round).value().has_value());
    REQUIRE(dag.insert(13 + 2 * round, {1}).value());
    expected.push_back(13 + 2 * round);
    REQUIRE(*dag.inputs(13 + 2 * round).value() == std::vector<Key8>{1});
  }
  REQUIRE(dag.direct_dependents(1).value() == expected);
  REQUIRE(dag.cache_stats().hits >= 20);  // written through, between the other one's inserts
  REQUIRE(dag.check());
}

TEST_CASE("a reader uses what it remembers after the map has moved", "[dag]") {
  const deriva::test::GraphDirectory directory;
  deriva::EnvironmentOptions options;
  options.durability = deriva::Durability::relaxed;
  options.map_bytes = std::uint64_t{1} << 20U;
  deriva::Environment environment = deriva::Environment::open(directory.path(), options).value();
  Dag dag = Dag::open(environment).value();
  for (Key8 key = 100; key < 1'500; ++key) REQUIRE(dag.insert(key, {key - 1, 1}).value());
  const auto agrees = [&] {
    for (Key8 key = 100; key < 1'500; key += 7) {
      if (*dag.inputs(key).value() != std::vector<Key8>{key - 1, 1}) return false;
      if (!dag.contains(key).value() || dag.direct_dependents(key).value().size() > 1) return false;
    }
    return true;
  };
  for (int round = 0; round < 3; ++round) {
    for (int warm = 0; warm < 3; ++warm) REQUIRE(agrees());
    // Grows the map, but commits nothing: the next snapshot has the same number.
    const std::uint64_t before = environment.stats().value().map_growths;
    const auto undone = environment.write([&](WriteTransaction& transaction) -> Result<bool> {
      std::vector<std::pair<Key8, std::vector<Key8>>> many;
      for (Key8 key = 0; key < Key8{100'000} << round; ++key)
        many.emplace_back(1'000'000 + key, std::vector<Key8>{key});
      const auto added = dag.insert_many(transaction, many);
      if (!added) return added.error();
      return deriva::Error(Errc::cancelled);
    });
    REQUIRE(undone.has_error());
    REQUIRE(environment.stats().value().map_growths > before);
    REQUIRE(agrees());
  }
}
