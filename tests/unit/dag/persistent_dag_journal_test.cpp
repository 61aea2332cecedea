#include <deriva/dag/persistent_dag.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <unistd.h>

#include <deriva/storage/table.hpp>

#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "unit/dag/journaled_graph.hpp"

// Small insertions that go to the journal. That graphs with one answer as all others do is shown by the suites of
// persistent_dag_test and the fuzz test; that nothing is lost when a process is killed, by persistent_dag_crash_test.

namespace deriva::test {
namespace {

namespace fs = std::filesystem;

TEST_CASE_METHOD(JournaledGraph, "the wrong changes go to the journal", "[dag][journal]") {
  const GraphDirectory directory;
  Environment environment = open_durable(directory);
  PersistentDagOptions options;
  options.journal_after = 2;
  Dag dag = Dag::open(environment, options).value();

  SECTION("too early, or never") {
    insert_range(dag, 0, 3);  // the third one begins the journal
    REQUIRE(appends(environment) == 0);
    insert_range(dag, 3, 10);
    REQUIRE(appends(environment) == 7);
  }
  SECTION("large ones") {
    insert_range(dag, 0, 4);
    std::vector<std::pair<Key8, std::vector<Key8>>> many;
    for (std::uint64_t n = 4; n < 1'000; ++n) many.emplace_back(make_key<Key8>(n), inputs_of(n));
    REQUIRE(dag.insert_many(many).value() == many.size());
    insert_range(dag, 1'000, 1'003);
    REQUIRE(appends(environment) == 1);
    insert_range(dag, 1'003, 1'005);
    REQUIRE(appends(environment) == 3);
    REQUIRE(wrong_with(dag, 1'005) == "");
  }
  SECTION("what changes nothing") {
    insert_range(dag, 0, 4);
    REQUIRE_FALSE(dag.insert(make_key<Key8>(1), inputs_of(1)).value());
    REQUIRE(dag.insert(make_key<Key8>(1), inputs_of(2)).error().code() == Errc::invalid_argument);
    REQUIRE(appends(environment) == 1);
  }
  SECTION("those of a transaction of the caller's") {
    insert_range(dag, 0, 4);
    const auto inserted = environment.write(
        [&](WriteTransaction& transaction) { return dag.insert(transaction, make_key<Key8>(4), inputs_of(4)); });
    REQUIRE(inserted.value());
    REQUIRE(appends(environment) == 1);
    REQUIRE(wrong_with(dag, 5) == "");
  }
  SECTION("removals, and inputs that get an entry") {
    insert_range(dag, 0, 4);
    REQUIRE(dag.remove(make_key<Key8>(3)).value());
    insert_range(dag, 3, 7);
    const std::uint64_t before = appends(environment);
    REQUIRE(dag.insert(make_key<Key8>(1'000'006), {}).value());
    REQUIRE(appends(environment) == before);
    REQUIRE(dag.contains(make_key<Key8>(1'000'006)).value());
    REQUIRE(dag.check());
  }
}

TEST_CASE_METHOD(JournaledGraph, "a graph that may lose commits, or has no use for it, makes a journal",
                 "[dag][journal]") {
  const GraphDirectory directory;
  SECTION("relaxed durability") {
    Environment environment = open_environment(directory, Durability::relaxed);
    Dag dag = open_dag(environment);
    insert_range(dag, 0, 5);
  }
  SECTION("none is wanted") {
    Environment environment = open_durable(directory);
    PersistentDagOptions options;
    options.journal_after.reset();
    Dag dag = Dag::open(environment, options).value();
    insert_range(dag, 0, 20);
  }
  SECTION("lists in memory") {
    Environment environment = open_durable(directory);
    PersistentDagOptions options;
    options.journal_after = 0;
    options.lru_entries = 10;
    Dag dag = Dag::open(environment, options).value();
    insert_range(dag, 0, 20);
  }
  REQUIRE_FALSE(fs::exists(directory.path() / "journal"));
}

TEST_CASE_METHOD(JournaledGraph, "a journal that cannot be made keeps insertions from the tables", "[dag][journal]") {
  Fixture f;
  const GraphDirectory elsewhere;
  std::ofstream(elsewhere.path() / "file") << "precious";
  SECTION("it is a symbolic link") { fs::create_symlink(elsewhere.path() / "file", f.directory.path() / "journal"); }
  SECTION("its end is a symbolic link") {
    fs::create_symlink(elsewhere.path() / "file", f.directory.path() / "journal.end");
  }
  SECTION("it is a directory") { fs::create_directory(f.directory.path() / "journal"); }
  insert_range(f.dag, 0, 20);
  REQUIRE(appends(*f.environment) == 0);
  REQUIRE(wrong_with(f.dag, 20) == "");
  REQUIRE(fs::file_size(elsewhere.path() / "file") == 8);
}

TEST_CASE_METHOD(JournaledGraph, "a snapshot sees what is appended after it was taken, or the next one does not",
                 "[dag][journal]") {
  Fixture f;
  insert_range(f.dag, 0, 10);
  const auto steady = f.dag.snapshot([&](const DagSnapshot<Key8>& at) -> Result<bool> {
    bool same = at.size() == 10;
    std::thread([&] { insert_range(f.dag, 10, 20); }).join();
    same = same && at.size() == 10 && !at.contains(make_key<Key8>(10)).value();
    same = same && at.direct_dependents(make_key<Key8>(9)).value().empty() && at.check().has_value();
    std::thread([&] { (void)f.dag.compact(); }).join();
    return same && at.size() == 10 && at.inputs(make_key<Key8>(9)).value() == inputs_of(9);
  });
  REQUIRE(steady.value());
  REQUIRE(wrong_with(f.dag, 20) == "");
}

TEST_CASE_METHOD(JournaledGraph, "journal and tables that a reader sees are not of one moment", "[dag][journal]") {
  Fixture f;
  auto table = Table<std::uint64_t, std::uint64_t>::open(*f.environment, "progress").value();
  enum : std::uint64_t { begun, done };
  const auto tell = [&](std::uint64_t what, std::uint64_t size) {
    return f.environment->write([&](WriteTransaction& transaction) { return table.put(transaction, what, size); });
  };
  insert_range(f.dag, 0, 2);
  REQUIRE(tell(begun, 2));
  REQUIRE(tell(done, 2));
  std::atomic<bool> stop{false};
  std::atomic<int> torn{0};
  std::vector<std::thread> readers;
  for (int n = 0; n < 2; ++n) {
    readers.emplace_back([&] {
      while (!stop) {
        const auto agree = f.environment->read([&](const ReadTransaction& transaction) -> Result<bool> {
          const auto size = f.dag.size(transaction);
          return *size >= table.get(transaction, done)->value() && *size <= table.get(transaction, begun)->value();
        });
        if (!agree || !*agree) ++torn;
      }
    });
  }
  const std::uint64_t end = 600;
  for (std::uint64_t n = 2; n < end; ++n) {
    REQUIRE(tell(begun, n + 1));
    REQUIRE(f.dag.insert(make_key<Key8>(n), inputs_of(n)).value());
    REQUIRE(tell(done, n + 1));
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  REQUIRE(torn == 0);
  REQUIRE(appends(*f.environment) == end - 1);
}

TEST_CASE_METHOD(JournaledGraph, "a transaction sees what a session of a later one knows of the journal",
                 "[dag][journal]") {
  Fixture f;
  insert_range(f.dag, 0, 3);
  const auto old = f.environment->read([&](const ReadTransaction& transaction) -> Result<bool> {
    // As many threads as there are places for sessions: one of them leaves its own where this one looks.
    for (std::uint64_t n = 3; n < 43; ++n) {
      std::thread([&] {
        insert_range(f.dag, n, n + 1);
        REQUIRE(f.dag.direct_dependents(make_key<Key8>(n - 1)).value().size() == 1);
      }).join();
    }
    return f.dag.size(transaction).value() == 3 && !f.dag.contains(transaction, make_key<Key8>(3)).value() &&
           f.dag.direct_dependents(transaction, make_key<Key8>(2)).value().empty();
  });
  REQUIRE(old.value());
  REQUIRE(wrong_with(f.dag, 43) == "");
}

TEST_CASE_METHOD(JournaledGraph, "a tail that is journaled grows for ever, or stays long when it is closed",
                 "[dag][journal]") {
  const GraphDirectory directory;
  PersistentDagOptions options;
  options.tail_nodes = 256;
  options.journal_after = 0;
  std::uint64_t longest = 0;
  {
    Environment environment = open_durable(directory);
    Dag dag = Dag::open(environment, options).value();
    for (std::uint64_t n = 0; n < 3'000; ++n) {
      REQUIRE(dag.insert(make_key<Key8>(n), {}).value());
      longest = std::max(longest, dag.stats().value().tail);
    }
    REQUIRE(appends(environment) > 2'900);
  }
  REQUIRE(longest > 2 * options.tail_nodes);
  REQUIRE(longest < 5 * options.tail_nodes);
  Environment environment = open_durable(directory);
  const Dag dag = Dag::open(environment, options).value();
  REQUIRE(dag.stats().value().tail < 509);  // a block that is not full is never merged
  REQUIRE(dag.check());
}

TEST_CASE_METHOD(JournaledGraph, "lists in memory are served though the journal has others", "[dag][journal]") {
  Fixture f;
  PersistentDagOptions options;
  options.lru_entries = 100;
  Dag lists = Dag::open(*f.environment, options).value();
  insert_range(f.dag, 0, 3);
  for (std::uint64_t n = 3; n < 20; ++n) {
    REQUIRE(lists.direct_dependents(make_key<Key8>(n - 1)).value().empty());
    REQUIRE_FALSE(lists.inputs(make_key<Key8>(n)).value());
    insert_range(f.dag, n, n + 1);
    REQUIRE(lists.direct_dependents(make_key<Key8>(n - 1)).value() == std::vector<Key8>{make_key<Key8>(n)});
    REQUIRE(lists.inputs(make_key<Key8>(n)).value() == inputs_of(n));
  }
  insert_range(lists, 20, 22);  // to the tables, and everything with it
  REQUIRE(lists.direct_dependents(make_key<Key8>(20)).value() == std::vector<Key8>{make_key<Key8>(21)});
  insert_range(f.dag, 22, 25);
  REQUIRE(lists.direct_dependents(make_key<Key8>(23)).value() == std::vector<Key8>{make_key<Key8>(24)});
  REQUIRE(wrong_with(lists, 25) == "");
}

TEST_CASE_METHOD(JournaledGraph, "two graphs of one environment share a journal", "[dag][journal]") {
  const GraphDirectory directory;
  Environment environment = open_durable(directory);
  Dag other = open_dag(environment, "other.");
  {
    Dag dag = open_dag(environment);
    insert_range(dag, 0, 5);
    insert_range(other, 0, 5);
    REQUIRE(appends(environment) == 4);  // the first one's
    insert_range(dag, 5, 10);
    REQUIRE(appends(environment) == 9);
    REQUIRE(wrong_with(dag, 10) == "");
    REQUIRE(wrong_with(other, 5) == "");
  }
  insert_range(other, 5, 10);
  REQUIRE(appends(environment) == 13);
  REQUIRE(wrong_with(other, 10) == "");
  REQUIRE(wrong_with(open_dag(environment), 10) == "");
}

TEST_CASE_METHOD(JournaledGraph, "changes of one group, some for the journal and some for the tables, undo each other",
                 "[dag][journal]") {
  const GraphDirectory directory;
  Environment environment = open_durable(directory);
  Dag dag = open_dag(environment);
  Dag other = open_dag(environment, "other.");
  insert_range(dag, 0, 2);  // the journal is this one's
  auto table = Table<std::uint64_t, std::uint64_t>::open(environment, "others").value();
  constexpr std::uint64_t each = 300;
  std::atomic<int> failures{0};
  const auto insert = [&](Dag& into, std::uint64_t n) {
    return into.insert(make_key<Key8>(n), {make_key<Key8>(9'000'000)}).has_value();
  };
  const auto put = [&](std::uint64_t n) {
    return environment.write([&](WriteTransaction& transaction) { return table.put(transaction, n, n); }).has_value();
  };
  const bool graphs = GENERATE(true, false);
  std::vector<std::thread> threads;
  for (const std::uint64_t first : {10'000U, 20'000U}) {
    threads.emplace_back([&, first] {
      for (std::uint64_t n = first; n < first + each; ++n) failures += insert(dag, n) ? 0 : 1;
    });
    threads.emplace_back([&, first] {
      for (std::uint64_t n = first; n < first + each; ++n) failures += (graphs ? insert(other, n) : put(n)) ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  REQUIRE(failures == 0);
  REQUIRE(dag.check());
  REQUIRE(dag.size() == 2 + 2 * each);
  REQUIRE(other.check());
  REQUIRE(other.size() == (graphs ? 2 * each : 0));
  const auto size = environment.read([&](const ReadTransaction& transaction) { return table.size(transaction); });
  REQUIRE(size.value() == (graphs ? 0 : 2 * each));
}

TEST_CASE_METHOD(JournaledGraph, "insertions that come at the same time miss each other in the journal",
                 "[dag][journal]") {
  Fixture f;
  constexpr std::uint64_t each = 100;
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (std::uint64_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (std::uint64_t n = thread * each; n < (thread + 1) * each; ++n) {
        const auto added = f.dag.insert(make_key<Key8>(n), {make_key<Key8>(5'000'000), make_key<Key8>(6'000'000 + n)});
        const auto known = f.dag.contains(make_key<Key8>(n));
        if (!added || !*added || !known || !*known) ++failures;
        // Some go to the tables, and are in one group with those that do not.
        if (n % 10 == 0 && !f.dag.insert(make_key<Key8>(6'000'000 + n), {}).has_value()) ++failures;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  REQUIRE(failures == 0);
  REQUIRE(f.dag.size() == 440);
  REQUIRE(f.dag.direct_dependents(make_key<Key8>(5'000'000)).value().size() == 400);
  REQUIRE(f.dag.check());
  REQUIRE(appends(*f.environment) > 0);
}

TEST_CASE_METHOD(JournaledGraph, "processes that append in turn miss each other's entries", "[dag][journal]") {
  const GraphDirectory directory;
  constexpr std::uint64_t rounds = 200;
  int turns[2][2];  // pipes; a byte: it is this one's turn
  REQUIRE(::pipe(turns[0]) == 0);
  REQUIRE(::pipe(turns[1]) == 0);
  const auto take_turns = [&](std::uint64_t self) {
    Environment environment = open_durable(directory);
    Dag dag = open_dag(environment);
    char byte = 0;
    for (std::uint64_t n = self; n < rounds; n += 2) {
      if (n > 0 && ::read(turns[self][0], &byte, 1) != 1) return 2;
      if (dag.size() != n || (n > 0 && !dag.contains(make_key<Key8>(n - 1)).value())) return 3;
      if (!dag.insert(make_key<Key8>(n), inputs_of(n)).value()) return 4;
      if (dag.inputs(make_key<Key8>(n)).value() != inputs_of(n)) return 5;
      if (n % 64 == 33 + self && !dag.compact()) return 6;
      if (::write(turns[1 - self][1], &byte, 1) != 1) return 7;
    }
    return appends(environment) > rounds / 4 ? 0 : 8;
  };
  const pid_t first = start([&] { return take_turns(0); });
  const pid_t second = start([&] { return take_turns(1); });
  REQUIRE(code_of(first) == 0);
  REQUIRE(code_of(second) == 0);
  for (const auto& pipe : turns) {
    ::close(pipe[0]);
    ::close(pipe[1]);
  }
  REQUIRE(wrong_after_crash(directory, rounds) == "");
}

}  // namespace
}  // namespace deriva::test
