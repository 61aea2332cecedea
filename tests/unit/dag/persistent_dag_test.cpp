#include <deriva/dag/persistent_dag.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <lmdb.h>
#include <sys/resource.h>

#include <deriva/storage/table.hpp>

#include "storage/environment_impl.hpp"
#include "unit/dag/persistent_fixture.hpp"

namespace {

using Persistent8 = deriva::test::PersistentFixture<deriva::test::Key8>;
using Persistent32 = deriva::test::PersistentFixture<deriva::Address>;
using Persistent64 = deriva::test::PersistentFixture<deriva::test::Key64>;
using Journaled8 = deriva::test::JournaledFixture<deriva::test::Key8>;
using Journaled32 = deriva::test::JournaledFixture<deriva::Address>;

}  // namespace

#define DERIVA_DAG_FIXTURES Persistent8, Persistent32, Persistent64, Journaled8, Journaled32
#include "unit/dag/dag_suite.hpp"

namespace {

using deriva::Error;
using deriva::ReadTransaction;
using deriva::Result;
using deriva::WriteTransaction;
using deriva::test::GraphDirectory;
using deriva::test::Key8;

/// Bytes that this process gave to write() and its like.
std::uint64_t bytes_written() {
  std::ifstream io("/proc/self/io");
  std::string name;
  for (std::uint64_t value = 0; io >> name >> value;) {
    if (name == "wchar:") return value;
  }
  FAIL("/proc/self/io has no wchar");
  return 0;
}

/// Pages that this process touched for the first time since they were mapped (or the first of 16 neighbours).
std::int64_t page_faults() {
  rusage usage{};
  REQUIRE(getrusage(RUSAGE_SELF, &usage) == 0);
  return usage.ru_minflt + usage.ru_majflt;
}

std::vector<std::pair<Key8, std::vector<Key8>>> hub(Key8 from, Key8 to) {
  std::vector<std::pair<Key8, std::vector<Key8>>> entries;
  for (Key8 n = from; n < to; ++n) entries.push_back({deriva::test::make_key<Key8>(n), {0}});
  return entries;
}

/// So many that most of the graph is merged, in a few transactions.
template <class Fixture>
void insert_chain(Fixture& f, Key8 length) {
  typename Fixture::Entries entries;
  for (Key8 n = 1; n <= length; ++n) entries.push_back({n, {n - 1, 1'000'000 + n % 10}});
  for (Key8 at = 0; at < length; at += 997) {
    const auto part = std::span(entries).subspan(at, std::min<Key8>(997, length - at));
    REQUIRE(f.dag.insert_many(part).value() == part.size());
  }
}

/// Changes a table behind the graph's back.
template <class Change>
void tamper(Persistent8& f, const char* name, Change change) {
  const MDB_dbi table = f.environment->impl().table(name, MDB_INTEGERKEY, 0).value();
  REQUIRE(f.environment->write([&](WriteTransaction& transaction) -> Result<bool> {
    transaction.count_change();
    change(transaction.native(), table);
    return true;
  }));
}

}  // namespace

TEST_CASE("a fresh graph is empty", "[dag]") {
  Persistent8 f;
  REQUIRE(f.dag.size() == 0);
  REQUIRE_FALSE(f.dag.inputs(1).value().has_value());
  REQUIRE(f.dag.direct_dependents(1).value().empty());
  REQUIRE(f.dag.check());
}

TEST_CASE("a graph is the same after it was closed and opened", "[dag]") {
  Persistent32 f;
  insert_diamonds(f.dag);
  const auto order = f.dag.resolve_order(f.k(40)).value();
  const auto dependents = f.dag.transitive_dependents(f.k(1)).value();
  REQUIRE(f.dag.remove(f.k(40)).value());
  REQUIRE(f.dag.insert(f.k(40), f.keys({31, 30, 11})).value());
  f.reopen();
  REQUIRE(f.dag.size() == 6);
  REQUIRE(*f.dag.inputs(f.k(40)).value() == f.keys({31, 30, 11}));
  REQUIRE(sorted(f.dag.direct_dependents(f.k(10)).value()) == sorted(f.keys({20, 31})));
  REQUIRE(f.dag.resolve_order(f.k(40)).value() == order);
  REQUIRE(f.dag.transitive_dependents(f.k(1)).value() == dependents);
  REQUIRE(f.dag.depth(f.k(40)).value() == 4);
  REQUIRE(f.dag.check());
}

TEST_CASE("graphs of other names share an environment without mixing", "[dag]") {
  Persistent8 f;
  auto other = deriva::PersistentDag<Key8>::open(*f.environment, {"other."}).value();
  REQUIRE(f.dag.insert(1, {2}).value());
  REQUIRE(other.size() == 0);
  REQUIRE(other.insert(2, {1}).value());  // no cycle here
  REQUIRE(f.dag.direct_dependents(1).value().empty());
}

TEST_CASE("a graph with keys of another size is refused", "[dag]") {
  Persistent8 f;
  const auto refused = deriva::PersistentDag<deriva::Address>::open(*f.environment);
  REQUIRE(refused.error().code() == Errc::format_mismatch);
  REQUIRE(f.dag.insert(1, {2}).value());
}

TEST_CASE("a failed transaction leaves nothing, in the tables or in memory", "[dag]") {
  Persistent8 f;
  REQUIRE(f.dag.insert(10, {1}).value());
  REQUIRE(f.dag.direct_dependents(1).value() == f.dag.direct_dependents(1).value());
  const auto failed = f.environment->write([&](WriteTransaction& transaction) -> Result<bool> {
    REQUIRE(f.dag.insert(transaction, 11, std::vector<Key8>{1, 10}).value());
    REQUIRE(f.dag.remove(transaction, 10).error().code() == Errc::invalid_argument);
    REQUIRE(f.dag.direct_dependents(transaction, 1).value().size() == 2);
    REQUIRE(f.dag.inputs(transaction, 11).value()->size() == 2);
    REQUIRE(f.dag.size(transaction).value() == 2);
    REQUIRE(f.dag.resolve_order(transaction, 11).value() == std::vector<Key8>{10, 11});
    return Error(Errc::cancelled, "on purpose");
  });
  REQUIRE(failed.error().code() == Errc::cancelled);
  REQUIRE_FALSE(f.dag.inputs(11).value().has_value());
  REQUIRE(f.dag.direct_dependents(1).value() == std::vector<Key8>{10});
  REQUIRE(f.dag.insert(12, {1}).value());  // takes the number of the state that was undone
  REQUIRE(f.dag.direct_dependents(1).value() == std::vector<Key8>{10, 12});
  REQUIRE(f.dag.check());
}

TEST_CASE("changes in the transaction of a caller come with it", "[dag]") {
  Persistent8 f;
  auto names = deriva::Table<Key8, Key8>::open(*f.environment, "names").value();
  REQUIRE(f.dag.insert(10, {1}).value());
  REQUIRE(f.dag.insert(13, {2}).value());
  REQUIRE(f.dag.direct_dependents(1).value().size() == 1);
  REQUIRE(f.dag.inputs(13).value().has_value());
  const Persistent8::Entries entries = {{11, {1}}, {12, {11, 1}}};
  const auto done = f.environment->write([&](WriteTransaction& transaction) -> Result<std::size_t> {
    if (auto put = names.put(transaction, 11, 1); !put) return put.error();
    if (auto removed = f.dag.remove(transaction, 13); !removed) return removed.error();
    return f.dag.insert_many(transaction, entries);
  });
  REQUIRE(done.value() == 2);
  REQUIRE(f.dag.direct_dependents(1).value() == std::vector<Key8>{10, 11, 12});
  REQUIRE_FALSE(f.dag.inputs(13).value().has_value());
  const auto read = f.environment->read([&](const ReadTransaction& transaction) -> Result<bool> {
    REQUIRE(f.dag.contains(transaction, 12).value());
    REQUIRE(f.dag.transitive_dependents(transaction, 1).value() == std::vector<Key8>{10, 11, 12});
    REQUIRE(f.dag.depth(transaction, 12).value() == 2);
    return names.contains(transaction, 11);
  });
  REQUIRE(read.value());
}

TEST_CASE("an insert below a hub of 200,000 writes a few pages, not the list", "[dag]") {
  Persistent8 f;
  REQUIRE(f.dag.insert_many(hub(1, 200'001)).value() == 200'000);
  const std::uint64_t before = bytes_written();
  for (const auto& [key, inputs] : hub(300'000, 300'100)) REQUIRE(f.dag.insert(key, inputs).value());
  const std::uint64_t each = (bytes_written() - before) / 100;
  REQUIRE(each > 0);
  REQUIRE(each < 100'000);  // the list has 1.6 MB
  std::size_t visited = 0;
  REQUIRE(f.dag.for_each_dependent(0, [&](Key8) { return ++visited < 1'000; }));
  REQUIRE(visited == 1'000);
  REQUIRE(f.dag.direct_dependents(0).value().size() == 200'100);
  REQUIRE(f.dag.insert(0, {7'777}).value());  // dependents, but no way down: no walk through all of them
}

TEST_CASE("opening and size touch as many pages for 200,000 entries as for one", "[dag]") {
  const auto faults_of = [](std::uint64_t entries) {
    Persistent8 f;
    REQUIRE(f.dag.insert_many(hub(1, entries + 1)).value() == entries);
    const std::int64_t before = page_faults();
    f.reopen();
    REQUIRE(f.dag.size() == entries);
    const std::int64_t opened = page_faults();
    REQUIRE(f.dag.check());  // touches every page: the measure can tell
    return std::pair(opened - before, page_faults() - opened);
  };
  const auto one = faults_of(1);
  const auto many = faults_of(200'000);
  CAPTURE(one.first, one.second, many.first, many.second);
  REQUIRE(many.second > one.second + 60);
  REQUIRE(many.first < one.first + 30 + many.second / 100);  // with a sanitizer, its shadows, too
}

TEST_CASE("a chain of 100,000 on disk needs no stack", "[dag]") {
  Persistent8 f;
  constexpr Key8 length = 100'000;
  Persistent8::Entries entries;
  for (Key8 n = length; n > 0; --n) entries.push_back({n, {n - 1}});  // those that depend on it first
  REQUIRE(f.dag.insert_many(entries).value() == length);
  deriva::test::run_on_small_stack([&] {
    const auto order = f.dag.resolve_order(length).value();
    const bool in_order = order.size() == length && order.front() == 1 && order.back() == length;
    const bool all = f.dag.transitive_dependents(0).value() == order;
    const std::uint32_t depth = f.dag.depth(length).value();
    const auto closing = f.dag.insert(0, {length});
    CHECK(in_order);
    CHECK(all);
    CHECK(depth == length);
    CHECK(closing.error().path<Key8>().size() == length + 2);
  });
}

TEST_CASE("a store of the first layout is opened as an empty one", "[dag]") {
  Persistent8 f;
  REQUIRE(deriva::Table<Key8, deriva::BytesView>::open(*f.environment, "old.forward").has_value());
  const auto refused = deriva::PersistentDag<Key8>::open(*f.environment, {"old."});
  REQUIRE(refused.error().code() == Errc::format_mismatch);
  REQUIRE_THAT(refused.error().message(), deriva::test::contains("format 1"));
}

TEST_CASE("removing by force tears what depends on it", "[dag]") {
  Persistent32 f;
  insert_diamonds(f.dag);
  REQUIRE(f.dag.force_remove(f.k(20)).value());
  REQUIRE_FALSE(f.dag.force_remove(f.k(20)).value());
  REQUIRE_FALSE(f.dag.force_remove(f.k(1)).value());  // a leaf
  REQUIRE_FALSE(f.dag.contains(f.k(20)).value());
  REQUIRE(sorted(f.dag.direct_dependents(f.k(20)).value()) == sorted(f.keys({30, 31})));
  REQUIRE(f.dag.direct_dependents(f.k(11)).value() == f.keys({40}));
  REQUIRE(f.dag.resolve_order(f.k(30)).value() == f.keys({30}));
  REQUIRE(f.dag.check());
  REQUIRE(f.dag.insert(f.k(20), f.keys({99})).value());
  REQUIRE(f.dag.resolve_order(f.k(30)).value() == f.keys({20, 30}));
  REQUIRE(f.dag.check());
}

TEST_CASE("removing many removes some, or what others need", "[dag]") {
  Persistent32 f;
  insert_diamonds(f.dag);
  const auto refused = f.dag.remove_many(f.keys({20, 40}));
  REQUIRE(refused.error().code() == Errc::invalid_argument);
  REQUIRE(f.dag.size() == 6);
  REQUIRE(f.dag.remove_many(f.keys({20, 31, 40, 30, 20, 77, 1})).value() == 4);
  REQUIRE(f.dag.size() == 2);
  REQUIRE(f.dag.remove_many({}).value() == 0);
  REQUIRE(f.dag.check());
}

TEST_CASE("a snapshot changes while it is open", "[dag]") {
  Persistent8 f;
  REQUIRE(f.dag.insert(10, {1}).value());
  const auto seen = f.dag.snapshot([&](const deriva::DagSnapshot<Key8>& before) -> Result<bool> {
    std::thread writer([&] {
      for (Key8 n = 11; n < 3'000; ++n) (void)f.dag.insert(n, {1});
      (void)f.dag.compact();
    });
    writer.join();
    return before.size() == 1 && before.direct_dependents(1).value() == std::vector<Key8>{10} &&
           before.transitive_dependents(1).value().size() == 1 && !before.contains(11).value();
  });
  REQUIRE(seen.value());
  REQUIRE(f.dag.direct_dependents(1).value().size() == 2'990);
}

TEST_CASE("a visitor that asks further questions disturbs its visit", "[dag]") {
  Persistent8 f;
  insert_chain(f, 5'000);
  const auto visit = [](const auto& at) -> Result<std::size_t> {
    std::size_t visited = 0;
    (void)at.for_each_dependent(1'000'003, [&](Key8 dependent) {
      (void)at.for_each_dependent(1'000'004, [&](Key8) { return true; });
      visited += at.inputs(dependent).value()->back() == 1'000'003 ? 1U : 0U;
      return true;
    });
    return visited;
  };
  REQUIRE(f.dag.snapshot(visit).value() == 500);
  REQUIRE(
      f.environment->write([&](WriteTransaction& transaction) { return f.dag.snapshot(transaction, visit); }).value() ==
      500);
}

TEST_CASE("a visitor changes the graph under its own feet", "[dag]") {
  Persistent8 f;
  REQUIRE(f.dag.insert(10, {1}).value());
  const auto refused = f.environment->write([&](WriteTransaction& transaction) -> Result<bool> {
    Result<bool> inserted = false;
    (void)f.dag.for_each_dependent(transaction, 1, [&](Key8) {
      inserted = f.dag.insert(transaction, 11, std::vector<Key8>{1});
      return true;
    });
    return inserted;
  });
  REQUIRE(refused.error().code() == Errc::invalid_argument);
}

TEST_CASE("statistics miscount", "[dag]") {
  Persistent8 f;
  insert_chain(f, 5'000);
  REQUIRE(f.dag.remove(5'000).value());
  const deriva::DagStats stats = f.dag.stats().value();
  REQUIRE(stats.recipes == 4'999);
  REQUIRE(stats.placeholders == 11);
  REQUIRE(stats.edges == 2 * 4'999);
  REQUIRE(stats.nodes == 5'011);
  REQUIRE(stats.removed == 1);
  REQUIRE(stats.tail <= 2'048);
  REQUIRE_FALSE(stats.late);
  REQUIRE(stats.log_bytes >= 5'000 * 8);
  REQUIRE(stats.index_bytes >= (stats.nodes - stats.tail) * 8);
  REQUIRE(stats.bytes() > stats.log_bytes + stats.index_bytes);
}

TEST_CASE("compaction loses entries, or keeps what nobody needs", "[dag]") {
  Persistent8 f;
  insert_chain(f, 5'000);
  REQUIRE(f.dag.insert(9'000, {9'001, 9'002}).value());
  REQUIRE_FALSE(f.dag.stats().value().late);
  REQUIRE(f.dag.insert(9'001, {9'002}).value());
  REQUIRE(f.dag.insert(9'002, {9'100}).value());
  REQUIRE(f.dag.stats().value().late);
  for (Key8 n = 5'000; n > 4'000; --n) REQUIRE(f.dag.remove(n).value());
  const deriva::DagCompaction report = f.dag.compact().value();
  REQUIRE(report.bytes_after < report.bytes_before);
  REQUIRE(report.nodes_before - report.nodes_after == 1'000);
  REQUIRE_FALSE(f.dag.stats().value().late);
  REQUIRE(f.dag.size() == 4'003);
  REQUIRE(f.dag.resolve_order(9'000).value() == std::vector<Key8>{9'002, 9'001, 9'000});
  REQUIRE(f.dag.check());
  f.reopen();
  REQUIRE(f.dag.compact().has_value());
  REQUIRE(f.dag.depth(4'000).value() == 4'000);
  REQUIRE(f.dag.check());
}

TEST_CASE("damage to what is derived from the log goes unnoticed, or cannot be mended", "[dag]") {
  Persistent8 f;
  insert_chain(f, 9'000);
  REQUIRE(f.dag.check());
  const char* table =
      GENERATE("dag.index.0", "dag.index_recent.0", "dag.reverse.0", "dag.reverse_recent.0", "dag.near.0");
  CAPTURE(table);
  tamper(f, table, [](MDB_txn* transaction, MDB_dbi handle) {
    MDB_stat stat{};
    REQUIRE(mdb_stat(transaction, handle, &stat) == 0);
    REQUIRE(mdb_drop(transaction, handle, 0) == 0);
    if (stat.ms_entries == 0) {  // a value that should not be there
      std::uint64_t key = ~std::uint64_t{0};
      std::uint64_t value = 7;
      MDB_val name{sizeof(key), &key};
      MDB_val bytes{sizeof(value), &value};
      REQUIRE(mdb_put(transaction, handle, &name, &bytes, 0) == 0);
    }
  });
  f.reopen();  // the change was not the graph's: what is remembered of the tables is theirs no more
  REQUIRE(f.dag.check().error().code() == Errc::corrupted);
  REQUIRE(f.dag.rebuild_indexes());
  REQUIRE(f.dag.check());
  REQUIRE(f.dag.depth(9'000).value() == 9'000);
  REQUIRE(f.dag.insert(9'001, {9'000}).value());
}

TEST_CASE("a restoration starts again from the beginning", "[dag]") {
  Persistent8 f;
  REQUIRE(f.dag.insert(7'777, {78}).value());
  Persistent8::Entries entries;
  for (Key8 n = 1; n <= 1'000; ++n) entries.push_back({n, {n - 1}});
  Persistent8::Entries broken = entries;
  broken[650].second = {broken[650].first};  // a cycle: an error is as good a reason to stop as a crash
  REQUIRE(f.dag.restore(broken, 100).error().code() == Errc::cycle);
  REQUIRE(f.dag.size() == 600);
  REQUIRE_FALSE(f.dag.contains(7'777).value());
  f.reopen();
  REQUIRE(f.dag.restore(entries, 100).value() == 1'000);
  REQUIRE(f.dag.size() == 1'000);
  REQUIRE(f.dag.depth(1'000).value() == 1'000);
  REQUIRE(f.dag.restore(entries, 300).value() == 1'000);  // and now from the beginning
  REQUIRE(f.dag.check());
}
