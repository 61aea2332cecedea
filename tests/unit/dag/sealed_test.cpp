#include "dag/sealed.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "storage/checksum.hpp"
#include "support/catch.hpp"
#include "unit/dag/engine_fixture.hpp"

namespace deriva::test {
namespace {

using detail::Failure;
using detail::graph::GraphView;
using detail::graph::Seal;
using detail::graph::unseal;
using Bytes = std::vector<std::byte>;

Bytes sealed(const Seal& seal, std::string_view contents) {
  Bytes out(Seal::size + contents.size());
  seal_into(out, seal, as_bytes(contents));
  return out;
}

bool refuses(const Bytes& stored, const Seal& seal) {
  try {
    unseal(stored, seal);
    return false;
  } catch (const Failure& failure) {
    return failure.error.code() == Errc::corrupted;
  }
}

std::string sample(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) text += static_cast<char>(i * 151 + 7);
  return text;
}

TEST_CASE("a seal is another one than what other versions have stored", "[dag]") {
  const Seal seal{0x0123456789abcdefU, Part::inputs, 7};
  REQUIRE(seal.of(as_bytes(sample(40))) == detail::checksum(as_bytes(sample(40)), 0x0123456789abcdefU ^ 0x701U));
}

TEST_CASE("a seal lets a flipped bit pass", "[dag]") {
  const std::size_t size =
      GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{56}, std::size_t{300}, std::size_t{900});
  const Seal seal{0x9876543210fedcbaU, Part::payloads, 12};
  Bytes stored = sealed(seal, sample(size));
  REQUIRE(as_text(unseal(stored, seal)) == sample(size));
  std::size_t passed = 0;
  for (std::size_t bit = 0; bit < 8 * stored.size(); ++bit) {
    stored[bit / 8] ^= std::byte{1} << (bit % 8);
    if (!refuses(stored, seal)) ++passed;
    stored[bit / 8] ^= std::byte{1} << (bit % 8);
  }
  REQUIRE(passed == 0);
}

TEST_CASE("a seal fits another place, or another length", "[dag]") {
  const Seal seal{5, Part::inputs, 12};
  const Bytes stored = sealed(seal, sample(100));
  REQUIRE_FALSE(refuses(stored, seal));
  REQUIRE(refuses(stored, {5, Part::inputs, 13}));
  REQUIRE(refuses(stored, {5, Part::near, 12}));
  REQUIRE(refuses(stored, {6, Part::inputs, 12}));
  for (std::size_t size = 0; size < stored.size(); ++size)
    REQUIRE(refuses({stored.begin(), stored.begin() + static_cast<std::ptrdiff_t>(size)}, seal));
  Bytes longer = stored;
  longer.push_back(std::byte{0});
  REQUIRE(refuses(longer, seal));
}

constexpr std::uint64_t nodes = 700;
constexpr const char* tables[] = {"dag.nodes.0", "dag.near.0", "dag.lists.0", "dag.payloads.0", "dag.records.0"};
constexpr const char* sets[] = {"dag.index.0", "dag.index_recent.0", "dag.reverse.0", "dag.reverse_recent.0"};

/// Something of everything, merged and not.
void fill(EngineFixture& f) {
  std::mt19937_64 random(3);
  for (std::uint64_t n = 1; n <= nodes;) {
    std::vector<Entry> entries;
    for (int i = 0; i < 50; ++i, ++n) {
      Entry entry{n, {}, "payload of " + std::to_string(n)};
      for (std::uint64_t inputs = n % 97 == 0 ? 90 : random() % 3; n > 1 && inputs > 0; --inputs) {
        entry.inputs.push_back(1 + random() % (n - 1));
      }
      if (n % 211 == 0) entry.payload = sample(500);
      entries.push_back(entry);
    }
    f.insert(entries);
    f.put_record(n - 3, sample(70));
  }
  REQUIRE(f.check());
}

/// All that can be asked of all nodes.
Result<void> ask_everything(EngineFixture& f, const std::shared_ptr<GraphEngine>& engine) {
  auto ask = [&](GraphSnapshot& snapshot) {
    GraphView& view = snapshot.view();
    for (std::uint64_t n = 1; n <= nodes; ++n) {
      const Id id = view.find(as_bytes(f.key(n))).value();
      view.for_each_input(id, [](Id) { return true; });
      view.for_each_dependent(id, [](Id) { return true; });
      view.payload(id);
      view.record(id);
    }
  };
  return f.environment->read([&](const ReadTransaction& transaction) { return engine->read(transaction, ask); });
}

/// By one who remembers nothing.
Result<void> ask_everything(EngineFixture& f) { return ask_everything(f, f.open()); }

struct Place {
  const char* table;
  std::uint64_t key;
};

std::vector<Place> all_places(EngineFixture& f, std::span<const char* const> in = tables) {
  std::vector<Place> places;
  for (const char* table : in) {
    const MDB_dbi handle = f.environment->impl().table(table, MDB_INTEGERKEY, 0).value();
    const std::size_t before = places.size();
    REQUIRE(f.environment->read([&](const ReadTransaction& transaction) -> Result<void> {
      detail::Cursor cursor(transaction.native(), handle);
      for (auto entry = cursor.first(); entry; entry = cursor.next()) places.push_back({table, entry->key});
      return {};
    }));
    REQUIRE(places.size() > before);
  }
  return places;
}

Bytes stored_at(EngineFixture& f, const Place& place) {
  const MDB_dbi handle = f.environment->impl().table(place.table, MDB_INTEGERKEY, 0).value();
  Bytes bytes;
  REQUIRE(f.environment->read([&](const ReadTransaction& transaction) -> Result<void> {
    const BytesView value = detail::get(transaction.native(), handle, place.key).value();
    bytes.assign(value.begin(), value.end());
    return {};
  }));
  return bytes;
}

void store_at(EngineFixture& f, const Place& place, const Bytes& bytes) {
  const MDB_dbi handle = f.environment->impl().table(place.table, MDB_INTEGERKEY, 0).value();
  REQUIRE(f.environment->write([&](WriteTransaction& transaction) -> Result<void> {
    detail::put(transaction, handle, place.key, bytes);
    return {};
  }));
}

TEST_CASE("what is asked of a graph is answered from damaged bytes", "[dag]") {
  EngineFixture f(32, 128);
  fill(f);
  REQUIRE(ask_everything(f));
  std::mt19937_64 random(5);
  for (const Place& place : all_places(f)) {
    const Bytes sound = stored_at(f, place);
    for (int round = 0; round < 6; ++round) {
      Bytes bytes = sound;
      bytes[random() % bytes.size()] ^= std::byte{1} << (random() % 8);
      store_at(f, place, bytes);
      CAPTURE(place.table, place.key);
      const Result<void> asked = ask_everything(f);
      REQUIRE(asked.has_error());
      REQUIRE(asked.error().code() == Errc::corrupted);
      REQUIRE(f.check().error().code() == Errc::corrupted);
    }
    store_at(f, place, sound);
  }
  REQUIRE(ask_everything(f));
}

TEST_CASE("two sound blocks change places, and their nodes with them", "[dag]") {
  EngineFixture f(32, 128);
  fill(f);
  const std::pair<Place, Place> places = GENERATE(std::pair(Place{"dag.nodes.0", 0}, Place{"dag.nodes.0", 2}),
                                                  std::pair(Place{"dag.nodes.0", 1}, Place{"dag.nodes.0", 3}),
                                                  std::pair(Place{"dag.near.0", 0}, Place{"dag.near.0", 1}));
  const Bytes first = stored_at(f, places.first);
  store_at(f, places.first, stored_at(f, places.second));
  store_at(f, places.second, first);
  REQUIRE(ask_everything(f).error().code() == Errc::corrupted);
}

TEST_CASE("what was sound counts as sound after the graph has changed", "[dag]") {
  EngineFixture f(32, 128);
  fill(f);
  REQUIRE(ask_everything(f, f.engine));
  const Place place = GENERATE(Place{"dag.nodes.0", 1}, Place{"dag.near.0", 0}, Place{"dag.payloads.0", 0});
  Bytes bytes = stored_at(f, place);
  bytes[bytes.size() / 2] ^= std::byte{16};
  store_at(f, place, bytes);
  const std::string key = f.key(9'000);
  REQUIRE(f.environment->write([&](WriteTransaction& transaction) {
    return f.open()->insert(transaction, {as_bytes(key), {}, {}});
  }));
  REQUIRE(ask_everything(f, f.engine).error().code() == Errc::corrupted);
}

TEST_CASE("what a writer found sound counts as sound after another one has written", "[dag]") {
  EngineFixture f(32, 128);
  fill(f);
  REQUIRE(f.remove(1, true));  // and reads the first block, with its payloads
  const std::string key = f.key(9'000);
  const std::shared_ptr<GraphEngine> other = f.open();
  REQUIRE(f.environment->write([&](WriteTransaction& transaction) {
    return other->insert(transaction, {as_bytes(key), {}, {}});
  }));
  const Place place{"dag.payloads.0", 0};
  Bytes bytes = stored_at(f, place);
  bytes[bytes.size() / 2] ^= std::byte{16};
  store_at(f, place, bytes);
  const std::string removed = f.key(2);
  REQUIRE(f.environment->write([&](WriteTransaction& t) { return f.engine->remove(t, as_bytes(removed), true); })
              .error()
              .code() == Errc::corrupted);
}

TEST_CASE("an earlier version of the last block passes for the present one", "[dag]") {
  EngineFixture f(32, 128);
  const MDB_dbi unnamed = 1;  // LMDB's own number
  f.insert({{1, {}, ""}, {2, {1}, ""}});
  Bytes earlier;
  REQUIRE(f.environment->read([&](const ReadTransaction& t) -> Result<void> {
    const BytesView bytes = detail::get(t.native(), unnamed, "dag.open.lists").value();
    earlier.assign(bytes.begin(), bytes.end());
    return {};
  }));
  f.insert({{3, {1, 2}, ""}});
  REQUIRE(f.environment->write([&](WriteTransaction& t) -> Result<void> {
    return detail::put(t, unnamed, "dag.open.lists", earlier), Result<void>();
  }));
  Result<bool> asked = true;
  f.read(*f.open(), [&](GraphSnapshot& snapshot) {
    const std::string key = f.key(3);
    auto expect = [](std::size_t) {};
    auto ignore = [](const std::byte*) { return true; };
    asked = snapshot.for_each_input(as_bytes(key), expect, ignore);
  });
  REQUIRE(asked.has_error());
  REQUIRE(asked.error().code() == Errc::corrupted);
}

TEST_CASE("a writer builds on damaged bytes", "[dag]") {
  EngineFixture f(32, 128);
  fill(f);
  const auto insert = [&] {
    const std::shared_ptr<GraphEngine> engine = f.open();
    const std::string key = f.key(9'000);
    const std::string input = f.key(1);
    return f.environment->write([&](WriteTransaction& transaction) {
      return engine->insert(transaction, {as_bytes(key), as_bytes(input), {}});
    });
  };
  const auto remove = [&] {
    const std::shared_ptr<GraphEngine> engine = f.open();
    const std::string key = f.key(nodes);
    return f.environment->write(
        [&](WriteTransaction& transaction) { return engine->remove(transaction, as_bytes(key), true); });
  };
  const auto flip = [&](const Place& place) {
    Bytes bytes = stored_at(f, place);
    bytes[bytes.size() / 2] ^= std::byte{4};
    store_at(f, place, bytes);
  };
  SECTION("keys that the inputs are compared with") {
    flip({"dag.nodes.0", 0});
    REQUIRE(insert().error().code() == Errc::corrupted);
  }
  SECTION("a record that is there already") {
    flip({"dag.records.0", stored_at(f, {"dag.nodes.0", 0}).empty() ? 0U : all_places(f).back().key});
    const std::shared_ptr<GraphEngine> engine = f.open();
    const auto id = static_cast<Id>(all_places(f).back().key);
    auto add = [&](Writer& writer) -> Result<void> { return writer.add_record(id, as_bytes("x")), Result<void>(); };
    REQUIRE(f.environment->write([&](WriteTransaction& t) { return engine->change(t, add); }).error().code() ==
            Errc::corrupted);
  }
  SECTION("the payloads beside one that is removed") {
    const std::uint64_t last = (nodes - 1) / detail::graph::BlockShape(32).nodes();
    flip({"dag.payloads.0", detail::graph::payload_key(static_cast<std::uint32_t>(last))});
    REQUIRE(remove().error().code() == Errc::corrupted);
  }
}

TEST_CASE("a flipped bit in index or reverse passes the check", "[dag]") {
  EngineFixture f(32, 128);
  fill(f);
  std::mt19937_64 random(6);
  for (const Place& place : all_places(f, sets)) {
    const Bytes sound = stored_at(f, place);
    for (int round = 0; round < 30; ++round) {
      Bytes bytes = sound;
      bytes[random() % bytes.size()] ^= std::byte{1} << (random() % 8);
      store_at(f, place, bytes);
      CAPTURE(place.table, place.key);
      REQUIRE(f.check().error().code() == Errc::corrupted);
    }
    store_at(f, place, sound);
  }
  REQUIRE(f.check());
}

/// Changes the hash in the index entry of a merged node.
void hide(EngineFixture& f, Id id) {
  for (const Place& place : all_places(f, std::span(sets).first(2))) {
    Bytes bytes = stored_at(f, place);
    for (std::size_t at = 0; at < bytes.size(); at += sizeof(std::uint64_t)) {
      Id named = 0;
      std::memcpy(&named, bytes.data() + at, sizeof(named));
      if (named != id) continue;
      bytes[at + sizeof(named)] ^= std::byte{1};
      return store_at(f, place, bytes);
    }
  }
  FAIL("the node is not in the index");
}

TEST_CASE("a key that is hidden from the index is inserted a second time, unseen", "[dag]") {
  EngineFixture f(32, 128);
  fill(f);
  hide(f, 5);
  f.reopen();
  std::string key;
  f.read(*f.engine, [&](GraphSnapshot& snapshot) { key = as_text(snapshot.view().key(5)); });
  REQUIRE(f.environment->write([&](WriteTransaction& t) {
                         return f.engine->insert(t, {as_bytes(key), {}, {}});
                       })
              .value());  // what it cannot know
  REQUIRE(f.check().error().code() == Errc::corrupted);
  // Even if the index is sound again.
  REQUIRE(f.environment->write([&](WriteTransaction& t) { return f.engine->rebuild_indexes(t); }));
  REQUIRE(f.check().error().code() == Errc::corrupted);
}

TEST_CASE("a state that is damaged is taken for one", "[dag]") {
  EngineFixture f(32, 128);
  fill(f);
  Bytes sound;
  const MDB_dbi unnamed = 1;  // LMDB's own number
  const auto state = [&](const ReadTransaction& t) {
    const BytesView bytes = detail::get(t.native(), unnamed, "dag.state").value();
    sound.assign(bytes.begin(), bytes.end());
    return Result<void>();
  };
  REQUIRE(f.environment->read(state));
  std::size_t passed = 0;
  for (std::size_t bit = 0; bit < 8 * sound.size(); bit += 3) {
    Bytes bytes = sound;
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    REQUIRE(f.environment->write([&](WriteTransaction& t) -> Result<void> {
      return detail::put(t, unnamed, "dag.state", bytes), Result<void>();
    }));
    const auto engine = GraphEngine::open(*f.environment, {"dag.", 32, 128});
    if (engine.has_value()) ++passed;
  }
  REQUIRE(passed == 0);
}

}  // namespace
}  // namespace deriva::test
