// What belongs to nodes: payloads, which come and go with entries, and records.
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "unit/dag/engine_fixture.hpp"

namespace deriva::test {
namespace {

const std::string long_text(1'000, 'l');

TEST_CASE("a payload is lost or mixed up, short, long or none", "[dag]") {
  EngineFixture f;
  const std::string limit(detail::graph::max_inline_payload_bytes, 'x');
  REQUIRE(f.insert({{1, {}, "one"}, {2, {1}, ""}, {3, {1, 2}, long_text}, {4, {9}, limit}, {5, {4}, limit + 'y'}}) ==
          5);
  for (int round = 0; round < 2; ++round) {
    REQUIRE(f.payload(1) == "one");
    REQUIRE(f.payload(2).empty());
    REQUIRE(f.payload(3) == long_text);
    REQUIRE(f.payload(4) == limit);
    REQUIRE(f.payload(5) == limit + 'y');
    REQUIRE(f.payload(9).empty());
    REQUIRE(f.check());
    f.reopen();
  }
  REQUIRE(f.insert({{1, {}, "another"}}) == 0);
  REQUIRE(f.payload(1) == "one");
}

TEST_CASE("an entry that comes late leaves its payload behind", "[dag]") {
  EngineFixture f;
  f.put_record(7, "before the entry");
  std::vector<Entry> many;
  for (std::uint64_t n = 1'000; n < 2'000; ++n) many.push_back({n, {7, 8, n - 1}, "p" + std::to_string(n)});
  REQUIRE(f.insert(many) == many.size());
  REQUIRE(f.insert({{7, {9}, "late"}, {8, {7}, long_text}}) == 2);
  for (int round = 0; round < 3; ++round) {
    REQUIRE(f.payload(7) == "late");
    REQUIRE(f.payload(8) == long_text);
    REQUIRE(f.record(7) == "before the entry");
    REQUIRE(f.payload(1'500) == "p1500");
    REQUIRE(f.check());
    if (round == 0) f.reopen();
    if (round == 1) f.compact();
  }
}

TEST_CASE("a removed entry keeps its payload or its record", "[dag]") {
  EngineFixture f;
  const bool forced = GENERATE(true, false);
  const bool reopened = GENERATE(true, false);
  const std::string payload = GENERATE(std::string("short"), long_text);
  f.insert({{1, {}, payload}, {2, {}, "other"}});
  if (forced) f.insert({{3, {1}, "dependent"}});
  f.put_record(1, "record");
  f.put_record(2, "other record");
  if (reopened) f.reopen();
  REQUIRE(f.remove(1, forced));
  REQUIRE(f.payload(1) == (forced ? "" : "unknown"));
  REQUIRE(f.record(1) == (forced ? "" : "unknown"));
  REQUIRE(f.check());
  REQUIRE(f.insert({{1, {2}, "again"}}) == 1);
  REQUIRE(f.payload(1) == "again");
  REQUIRE(f.record(1).empty());
  REQUIRE(f.record(2) == "other record");
  f.compact();
  REQUIRE(f.payload(1) == "again");
  REQUIRE(f.payload(2) == "other");
  REQUIRE(f.record(2) == "other record");
  REQUIRE(f.check());
}

TEST_CASE("compaction gives a record or a payload to another node", "[dag]") {
  EngineFixture f;
  std::vector<Entry> entries;
  for (std::uint64_t n = 0; n < 3'000; ++n) {
    entries.push_back({n, {}, n % 100 == 0 ? long_text + std::to_string(n) : std::to_string(n)});
  }
  f.insert(entries);
  for (std::uint64_t n = 0; n < 3'000; n += 7) f.put_record(n, "r" + std::to_string(n));
  f.put_record(5'000, "of a key without an entry");
  for (std::uint64_t n = 0; n < 3'000; n += 2) REQUIRE(f.remove(n));
  const std::shared_ptr<GraphEngine> other = f.open();
  f.read(*other, [](GraphSnapshot& snapshot) { REQUIRE(snapshot.check()); });
  f.compact();
  for (std::uint64_t n = 1; n < 3'000; n += 2) {
    REQUIRE(f.payload(n) == entries[n].payload);
    REQUIRE(f.record(n) == (n % 7 == 0 ? "r" + std::to_string(n) : ""));
  }
  REQUIRE(f.record(5'000) == "of a key without an entry");
  REQUIRE(f.check());
  f.read(*other, [&](GraphSnapshot& snapshot) {
    REQUIRE(as_text(snapshot.view().record(*snapshot.view().find(as_bytes(f.key(7))))) == "r7");
  });
}

TEST_CASE("an undone transaction leaves payloads or records behind", "[dag]") {
  EngineFixture f;
  f.insert({{1, {}, "one"}, {2, {}, long_text}});
  f.put_record(1, "kept");
  auto undone = [&](WriteTransaction& transaction) -> Result<void> {
    REQUIRE(f.insert(transaction, {{3, {1}, "three"}, {4, {}, long_text}}).value() == 2);
    REQUIRE(f.engine->remove(transaction, as_bytes(f.key(2)), true).value());
    auto records = [&](Writer& writer) -> Result<void> {
      writer.put_record(*writer.view().find(as_bytes(f.key(1))), as_bytes("other"));
      REQUIRE(as_text(writer.view().record(*writer.view().find(as_bytes(f.key(1))))) == "other");
      REQUIRE(as_text(writer.view().payload(*writer.view().find(as_bytes(f.key(4))))) == long_text);
      return {};
    };
    REQUIRE(f.engine->change(transaction, records).has_value());
    return Error(Errc::cancelled);
  };
  REQUIRE(f.environment->write(undone).has_error());
  REQUIRE(f.record(1) == "kept");
  REQUIRE(f.payload(2) == long_text);
  REQUIRE(f.payload(3) == "unknown");
  REQUIRE(f.insert({{3, {2}, "again"}}) == 1);
  REQUIRE(f.payload(3) == "again");
  REQUIRE(f.check());
}

TEST_CASE("a record cannot be replaced or erased", "[dag]") {
  EngineFixture f;
  f.insert({{1, {}, "one"}});
  f.put_record(1, "a");
  f.put_record(1, long_text);
  REQUIRE(f.record(1) == long_text);
  f.change([&](Writer& writer) {
    const Id id = writer.find_or_add(as_bytes(f.key(1)));
    REQUIRE(writer.erase_record(id));
    REQUIRE_FALSE(writer.erase_record(id));
  });
  REQUIRE(f.record(1).empty());
  REQUIRE(f.check());
}

TEST_CASE("a record is not found in some order of asking, or found where there is none", "[dag]") {
  EngineFixture f;
  std::vector<Entry> entries;
  for (std::uint64_t n = 0; n < 2'000; ++n) entries.push_back({n, {}, ""});
  f.insert(entries);  // ids are numbers here
  const auto has = [](std::uint64_t n) { return n % 3 != 0 && (n < 700 || n > 800) && n < 1'900; };
  f.change([&](Writer& writer) {
    for (Id id = 0; id < 2'000; ++id) {
      if (has(id)) writer.put_record(id, as_bytes(std::to_string(id)));
    }
  });
  const auto seed = GENERATE(range(1U, 30U));
  const Id stride = seed % 2 == 0 ? 4 : 40;
  f.read(*f.engine, [&](GraphSnapshot& snapshot) {
    std::mt19937 random(seed);
    Id id = 0;
    for (int i = 0; i < 3'000; ++i) {
      const auto step = static_cast<Id>(random() % stride + (random() % 9 == 0 ? 1'998 : 0));
      id = random() % 50 == 0 ? static_cast<Id>(random() % 2'000) : (id + step) % 2'000;
      REQUIRE(as_text(snapshot.view().record(id)) == (has(id) ? std::to_string(id) : ""));
    }
  });
}

TEST_CASE("payloads and records do not survive what remakes the indexes", "[dag]") {
  EngineFixture f(32);
  std::vector<Entry> entries;
  for (std::uint64_t n = 0; n < 5'000; ++n) entries.push_back({n, {n + 10'000}, std::to_string(n)});
  f.insert(entries);
  f.put_record(4'000, "record");
  REQUIRE(f.environment->write([&](WriteTransaction& t) { return f.engine->rebuild_indexes(t); }).has_value());
  REQUIRE(f.payload(4'999) == "4999");
  REQUIRE(f.record(4'000) == "record");
  REQUIRE(f.check());
}

TEST_CASE("a restoration keeps payloads or records of the graph before it", "[dag]") {
  EngineFixture f;
  f.insert({{1, {}, "one"}, {2, {}, long_text}});
  f.put_record(1, "record");
  std::size_t left = 2;
  const std::string keys = f.key(1) + f.key(2);
  auto next = [&](EntryBytes& out) {
    if (left == 0) return false;
    out = {as_bytes(keys).subspan(8 * --left, 8), {}, as_bytes(left == 0 ? "restored" : "")};
    return true;
  };
  bool last = false;
  auto restore = [&](WriteTransaction& transaction) -> Result<std::size_t> {
    REQUIRE(f.engine->restored(transaction).value() == 0);
    return f.engine->restore(transaction, next, 10, last);
  };
  REQUIRE(f.environment->write(restore).value() == 2);
  REQUIRE(f.payload(1) == "restored");
  REQUIRE(f.payload(2).empty());
  REQUIRE(f.record(1).empty());
  REQUIRE(f.check());
}

TEST_CASE("another process does not see payloads and records, or this one not those of the other", "[dag]") {
  std::optional<EngineFixture> f(std::in_place);
  f->insert({{1, {}, "one"}});
  f->engine.reset();
  f->environment.reset();
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    f->reopen();
    const bool seen = f->payload(1) == "one";
    f->insert({{2, {1}, "two"}});
    f->put_record(1, "record");
    ::_exit(seen ? 0 : 1);
  }
  int status = 0;
  REQUIRE((::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0));
  f->reopen();
  REQUIRE(f->payload(2) == "two");
  REQUIRE(f->record(1) == "record");
  REQUIRE(f->insert({{3, {2}, "three"}}) == 1);
  REQUIRE(f->payload(2) == "two");
  REQUIRE(f->check());
}

TEST_CASE("a graph without payloads and records writes to their tables", "[dag]") {
  EngineFixture f(32, 20);
  for (std::uint64_t n = 0; n < 500; n += 10) {
    std::vector<Entry> entries;
    for (std::uint64_t i = 0; i < 10; ++i) entries.push_back({n + i, {n + i + 9}, ""});
    f.insert(entries);
  }
  REQUIRE(f.remove(0));
  f.compact();
  for (const char* table : {"dag.payloads.0", "dag.payloads.1", "dag.records.0", "dag.records.1"}) {
    const MDB_dbi handle = f.environment->impl().table(table, MDB_INTEGERKEY, 0).value();
    auto size = [&](const ReadTransaction& t) {
      return Result<std::uint64_t>(detail::table_size(t.native(), handle).bytes);
    };
    REQUIRE(f.environment->read(size).value() == 0);
  }
}

TEST_CASE("damage to payloads and records goes unnoticed", "[dag]") {
  EngineFixture f;
  f.insert({{1, {}, "one"}, {2, {7}, long_text}, {3, {}, "three"}});
  f.put_record(1, "record");
  REQUIRE(f.remove(3));
  REQUIRE(f.check());
  const std::uint64_t nodes = detail::graph::BlockShape(8).nodes();
  const std::uint64_t block_bytes = 2 * nodes + (nodes + 7) / 8;
  const auto put_block = [&](std::uint32_t number, std::string value) {
    f.forge("dag.payloads.0", detail::graph::payload_key(number), Part::payloads, number, value);
  };
  SECTION("a block is cut off") { put_block(0, std::string(100, '\0')); }
  SECTION("a block has bytes of no node") { put_block(0, std::string(block_bytes + 1, '\0')); }
  SECTION("an end is beyond the block") { put_block(0, std::string(block_bytes, '\x01')); }
  SECTION("a block that does not exist") { put_block(1, std::string(block_bytes, '\0')); }
  SECTION("a long payload of no node") { f.forge("dag.payloads.0", 1, Part::payload, 0, long_text); }
  SECTION("a long payload is gone") {
    f.tamper("dag.payloads.0", [](WriteTransaction& t, MDB_dbi handle) { detail::erase(t, handle, 1 + 2); });
  }
  SECTION("a record of no node") { f.forge("dag.records.0", 4, Part::record, 4, "x"); }
  SECTION("a record of a removed node") { f.forge("dag.records.0", 3, Part::record, 3, "x"); }
  SECTION("an empty record") { f.forge("dag.records.0", 0, Part::record, 0, ""); }
  SECTION("a record without a seal") {
    f.tamper("dag.records.0",
             [](WriteTransaction& t, MDB_dbi handle) { detail::put(t, handle, 0, as_bytes("1234567")); });
  }
  REQUIRE(f.check().error().code() == Errc::corrupted);
}

}  // namespace
}  // namespace deriva::test
