// Watches, and makes fail, the calls that the durability of values depends on: this executable's definitions of them
// come before those of the C library, for deriva and for LMDB alike.
#include <deriva/storage/blob_store.hpp>

#include <sys/syscall.h>

#include <algorithm>
#include <mutex>

#include <deriva/dag/persistent_dag.hpp>

#include "unit/storage/storage_fixture.hpp"

namespace deriva::test {
namespace {

struct Watch {
  std::mutex mutex;
  std::filesystem::path store;  // empty: nothing is watched
  std::vector<std::string> events;
  std::string failing;  // the event that fails with EIO
};

Watch& watch() {
  static Watch instance;
  return instance;
}

/// "sync tmp", "sync blobs/" ...: what is at stake, without random names. Returns whether the call shall fail.
bool note(const std::string& what, int descriptor) {
  Watch& current = watch();
  const std::lock_guard lock(current.mutex);
  if (current.store.empty()) return false;
  char target[4096] = {};
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  if (::readlink(link.c_str(), target, sizeof(target) - 1) < 0) return false;
  const std::string inside = std::filesystem::path(target).lexically_relative(current.store).string();
  std::string event = what + ' ' + inside;
  if (inside.rfind("tmp/", 0) == 0) event = what + " tmp/file";
  if (inside.rfind("blobs/", 0) == 0) event = what + " blobs/ab";
  current.events.push_back(event);
  return event == current.failing;
}

int fail() {
  errno = EIO;
  return -1;
}

struct Fixture {
  TemporaryDirectory place;
  Environment environment;
  BlobStore blobs;

  explicit Fixture(Durability durability = Durability::sync)
      : environment(Environment::open(place.store(), {.durability = durability}).value()),
        blobs(BlobStore::open(environment, {.inline_limit = 100, .sync_together_from = 4}).value()) {
    watch().events.clear();
    watch().store = std::filesystem::canonical(place.store());
  }
  ~Fixture() {
    watch().store.clear();
    watch().failing.clear();
  }

  Result<void> put(std::size_t values) {
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < values; ++i) texts.push_back(std::to_string(i) + std::string(1'000, 'v'));
    std::vector<BytesView> views;
    for (const std::string& text : texts) views.push_back(as_bytes(text));
    const auto prepared = blobs.prepare_many(views);
    if (!prepared) return prepared.error();
    return environment.write([&](WriteTransaction& transaction) -> Result<void> {
      for (const PreparedBlob& blob : *prepared) {
        if (auto linked = blobs.link(transaction, blob); !linked) return linked.error();
      }
      return {};
    });
  }
  [[nodiscard]] std::size_t files() const {
    std::size_t count = 0;
    for (const char* directory : {"tmp", "blobs"}) {
      for (const auto& entry : std::filesystem::recursive_directory_iterator(place.store() / directory)) {
        count += entry.is_regular_file() ? 1U : 0U;
      }
    }
    return count;
  }
};

using Events = std::vector<std::string>;

}  // namespace
}  // namespace deriva::test

extern "C" {

int fsync(int descriptor) {
  if (deriva::test::note("sync", descriptor)) return deriva::test::fail();
  return static_cast<int>(::syscall(SYS_fsync, descriptor));
}

int fdatasync(int descriptor) {
  if (deriva::test::note("sync", descriptor)) return deriva::test::fail();
  return static_cast<int>(::syscall(SYS_fdatasync, descriptor));
}

int syncfs(int descriptor) noexcept {
  if (deriva::test::note("sync all from", descriptor)) return deriva::test::fail();
  return static_cast<int>(::syscall(SYS_syncfs, descriptor));
}

int renameat(int from, const char* old_name, int to, const char* new_name) noexcept {
  if (deriva::test::note("rename to", to)) return deriva::test::fail();
  return static_cast<int>(::syscall(SYS_renameat, from, old_name, to, new_name));
}
}

namespace deriva::test {

TEST_CASE("a value is acknowledged, or known to the database, before its file is durable") {
  const Durability durability = GENERATE(Durability::sync, Durability::relaxed);
  Fixture fixture(durability);
  REQUIRE(fixture.put(1));
  CHECK(watch().events == Events{"sync tmp/file", "rename to blobs", "sync blobs/ab", "sync blobs", "sync data.mdb"});
}

TEST_CASE("values of a batch are renamed before they are durable, or known before their names are") {
  Fixture fixture;
  REQUIRE(fixture.put(4));
  CHECK(watch().events == Events{"sync all from tmp", "rename to blobs", "rename to blobs", "rename to blobs",
                                 "rename to blobs", "sync all from tmp", "sync data.mdb"});
}

TEST_CASE("a file that nothing refers to is taken over without being flushed") {
  Fixture fixture;
  REQUIRE(fixture.blobs.prepare(as_bytes("0" + std::string(1'000, 'v'))));  // as left by a crash
  watch().events.clear();
  REQUIRE(fixture.put(1));
  CHECK(watch().events == Events{"sync blobs/ab", "sync blobs/ab", "sync data.mdb"});
}

TEST_CASE("a value that is known is written or flushed again") {
  Fixture fixture;
  REQUIRE(fixture.put(4));
  watch().events.clear();
  REQUIRE(fixture.put(4));
  CHECK(watch().events.empty());
}

TEST_CASE("a flush or a rename that fails is not noticed, or leaves something behind that disturbs the next try") {
  Fixture fixture;
  const auto [values, failing] = GENERATE(table<std::size_t, std::string>({{1, "sync blobs"},
                                                                           {1, "sync tmp/file"},
                                                                           {1, "rename to blobs"},
                                                                           {1, "sync blobs/ab"},
                                                                           {1, "sync data.mdb"},
                                                                           {4, "sync all from tmp"}}));
  CAPTURE(failing);
  watch().failing = failing;
  const auto refused = fixture.put(values);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Errc::io_error);
  CHECK(std::distance(std::filesystem::directory_iterator(fixture.place.store() / "tmp"), {}) == 0);
  watch().failing.clear();
  watch().events.clear();
  CHECK(fixture.put(values));
  CHECK(fixture.files() == values);
  CHECK(std::count(watch().events.begin(), watch().events.end(), failing) > 0);  // what failed is made up for
}

namespace {

/// A graph whose next small insertions go to the journal.
struct JournaledFixture {
  TemporaryDirectory place;
  Environment environment = Environment::open(place.store()).value();
  PersistentDag<std::uint64_t> dag = open();
  std::uint64_t next = 1;

  JournaledFixture() {
    insert(3);
    watch().events.clear();
    watch().store = std::filesystem::canonical(place.store());
  }
  ~JournaledFixture() {
    watch().store.clear();
    watch().failing.clear();
  }

  PersistentDag<std::uint64_t> open() {
    PersistentDagOptions options;
    options.journal_after = 0;
    return PersistentDag<std::uint64_t>::open(environment, options).value();
  }
  void insert(std::uint64_t count) {
    for (const std::uint64_t end = next + count; next < end; ++next) REQUIRE(dag.insert(next, {next - 1}).value());
  }
};

}  // namespace

TEST_CASE("an appended insertion is acknowledged before it is durable, or flushed more than once", "[journal]") {
  JournaledFixture fixture;
  fixture.insert(3);
  CHECK(watch().events == Events{"sync journal", "sync journal", "sync journal"});
}

TEST_CASE("a journal whose flush failed is trusted again, or keeps insertions from the tables", "[journal]") {
  JournaledFixture fixture;
  watch().failing = "sync journal";
  const std::uint64_t failed = fixture.next;
  const auto refused = fixture.dag.insert(failed, {failed - 1});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Errc::io_error);
  CHECK_FALSE(fixture.dag.contains(failed).value());
  CHECK(fixture.dag.size() == 3);
  watch().events.clear();
  fixture.insert(5);
  CHECK(watch().events == Events(5, "sync data.mdb"));
  CHECK(fixture.dag.size() == 8);
  CHECK(fixture.dag.check());
  CHECK(fixture.dag.direct_dependents(failed - 1).value() == std::vector<std::uint64_t>{failed});
}

TEST_CASE("a journal is begun before its file is durable", "[journal]") {
  TemporaryDirectory place;
  Environment environment = Environment::open(place.store()).value();
  PersistentDagOptions options;
  options.journal_after = 0;
  auto dag = PersistentDag<std::uint64_t>::open(environment, options).value();
  watch().events.clear();
  watch().store = std::filesystem::canonical(place.store());
  REQUIRE(dag.insert(1, {0}).value());
  CHECK(watch().events == Events{"sync journal", "sync .", "sync data.mdb"});
  watch().store.clear();
}

}  // namespace deriva::test
