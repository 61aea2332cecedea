#include <deriva/storage/blob_store.hpp>

#include "support/catch.hpp"

#include <sys/file.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>

#include "unit/storage/storage_fixture.hpp"

namespace deriva::test {
namespace {

constexpr std::size_t limit = 1'000;

struct Fixture {
  TemporaryDirectory place;
  Environment environment = Environment::open(place.store(), {.durability = Durability::relaxed}).value();
  BlobStore blobs = BlobStore::open(environment, {.inline_limit = limit}).value();

  bool put(const std::string& value) {
    const auto prepared = blobs.prepare(as_bytes(value)).value();
    return environment.write([&](WriteTransaction& t) { return blobs.link(t, prepared); }).value();
  }
  Result<std::optional<Blob>> get(const Digest& digest) const {
    return environment.read([&](const ReadTransaction& t) { return blobs.read(t, digest); });
  }
  std::filesystem::path file_of(const Digest& digest) const {
    const std::string name = digest.to_string();
    return place.store() / "blobs" / name.substr(0, 2) / name.substr(2);
  }
  std::size_t temporaries() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(place.store() / "tmp"), {}));
  }
};

Digest digest_of(const std::string& value) { return Digest::of(as_bytes(value)); }

}  // namespace

TEST_CASE("a value comes back changed, or is stored twice") {
  Fixture fixture;
  const std::size_t size = GENERATE(0U, 1U, 999U, 1'000U, 1'001U, 4'096U, 1'000'000U);
  const std::string value(size, 'v');
  CHECK_FALSE(fixture.get(digest_of(value)).value().has_value());
  CHECK(fixture.put(value));
  CHECK_FALSE(fixture.put(value));
  CHECK(as_text(*fixture.get(digest_of(value)).value()) == value);
  CHECK(std::filesystem::exists(fixture.file_of(digest_of(value))) == (size > limit));
  CHECK(fixture.temporaries() == 0);
  REQUIRE(fixture.environment.read([&](const ReadTransaction& t) -> Result<void> {
    CHECK(fixture.blobs.size(t, digest_of(value)).value() == size);
    CHECK(fixture.blobs.contains(t, digest_of(value)).value());
    CHECK_FALSE(fixture.blobs.contains(t, digest_of("other")).value());
    return {};
  }));
}

TEST_CASE("values of a batch get each other's digests") {
  Fixture fixture;
  std::vector<std::string> values;
  for (std::size_t i = 0; i < 300; ++i) values.push_back(std::to_string(i) + std::string(i * 17, 'v'));
  values.push_back(values.back());  // twice in one batch
  std::vector<BytesView> views(values.size());
  std::transform(values.begin(), values.end(), views.begin(), [](const auto& value) { return as_bytes(value); });
  const auto prepared = fixture.blobs.prepare_many(views).value();
  REQUIRE(fixture.environment.write([&](WriteTransaction& t) -> Result<void> {
    for (const auto& blob : prepared) REQUIRE(fixture.blobs.link(t, blob));
    return {};
  }));
  for (const auto& value : values) CHECK(as_text(*fixture.get(digest_of(value)).value()) == value);
  CHECK(fixture.temporaries() == 0);
  CHECK(fixture.blobs.prepare_many(views, {}).error().code() == Errc::invalid_argument);
}

TEST_CASE("values are not found after the limit has changed") {
  Fixture fixture;
  const std::string value(5'000, 'v');
  const std::string small(100, 's');
  fixture.put(value);
  fixture.put(small);
  fixture.blobs = BlobStore::open(fixture.environment, {.inline_limit = 10'000}).value();
  CHECK_FALSE(fixture.put(value));
  CHECK(as_text(*fixture.get(digest_of(value)).value()) == value);
  fixture.blobs = BlobStore::open(fixture.environment, {.inline_limit = 0}).value();
  CHECK_FALSE(fixture.put(small));
  CHECK(as_text(*fixture.get(digest_of(small)).value()) == small);
}

TEST_CASE("a damaged file is returned as a value") {
  Fixture fixture;
  const std::string value(50'000, 'v');
  fixture.put(value);
  const auto file = fixture.file_of(digest_of(value));
  SECTION("one bit flipped") {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(GENERATE(0, 25'000, 49'999));
    stream.put('v' ^ 1);
  }
  SECTION("cut off") { std::filesystem::resize_file(file, 49'999); }
  SECTION("longer") { std::filesystem::resize_file(file, 50'001); }
  SECTION("empty") { std::filesystem::resize_file(file, 0); }
  SECTION("missing") { std::filesystem::remove(file); }
  SECTION("a directory") {
    std::filesystem::remove(file);
    std::filesystem::create_directory(file);
  }
  SECTION("a link to the right bytes") {
    std::filesystem::rename(file, fixture.place.path() / "moved");
    std::filesystem::create_symlink(fixture.place.path() / "moved", file);
  }
  const auto damaged = fixture.get(digest_of(value));
  REQUIRE(damaged.error().code() == Errc::corrupted);
  CHECK_THAT(damaged.error().message(), contains(digest_of(value).to_string()));
}

TEST_CASE("a damaged value in the database is returned") {
  Fixture fixture;
  const std::string value = "a small value";
  fixture.put(value);
  const auto table = Table<Digest, BytesView>::open(fixture.environment, "blobs").value();
  REQUIRE(fixture.environment.write(
      [&](WriteTransaction& t) { return table.put(t, digest_of(value), as_bytes("a small valuE")); }));
  const auto damaged = fixture.get(digest_of(value));
  REQUIRE(damaged.error().code() == Errc::corrupted);
  CHECK_THAT(damaged.error().message(), contains(digest_of(value).to_string()));
}

TEST_CASE("a file that was cut off is taken for the value that is stored again") {
  Fixture fixture;
  const std::string value(50'000, 'v');
  const bool linked = GENERATE(false, true);
  if (linked) fixture.put(value);
  if (!linked) REQUIRE(fixture.blobs.prepare(as_bytes(value)));
  std::filesystem::resize_file(fixture.file_of(digest_of(value)), 100);
  fixture.put(value);
  CHECK(as_text(*fixture.get(digest_of(value)).value()) == value);
}

TEST_CASE("a crash between file and link leaves a value") {
  Fixture fixture;
  const std::string value(50'000, 'v');
  REQUIRE(fixture.blobs.prepare(as_bytes(value)));
  CHECK(std::filesystem::exists(fixture.file_of(digest_of(value))));
  CHECK_FALSE(fixture.get(digest_of(value)).value().has_value());
  CHECK(fixture.put(value));
  CHECK(as_text(*fixture.get(digest_of(value)).value()) == value);
}

TEST_CASE("opening keeps stale temporaries, or removes those being written") {
  Fixture fixture;
  const auto stale = fixture.place.store() / "tmp" / "stale";
  const auto live = fixture.place.store() / "tmp" / "live";
  std::ofstream(stale) << "left by a crash";
  const int writer = ::open(live.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  REQUIRE(::flock(writer, LOCK_EX) == 0);
  REQUIRE(BlobStore::open(fixture.environment));
  CHECK_FALSE(std::filesystem::exists(stale));
  CHECK(std::filesystem::exists(live));
  ::close(writer);
}

TEST_CASE("a full disk leaves half a file, or cannot be recovered from") {
  Fixture fixture;
  const std::string value(1'000'000, 'v');
  const int code = in_child([&] {
    auto environment = Environment::open(fixture.place.store()).value();
    auto blobs = BlobStore::open(environment).value();
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{500'000, RLIM_INFINITY};
    if (::setrlimit(RLIMIT_FSIZE, &small) != 0) return 1;
    const auto refused = blobs.prepare(as_bytes(value));
    if (refused || refused.error().code() != Errc::disk_full) return 2;
    if (fixture.temporaries() != 0 || std::filesystem::exists(fixture.file_of(digest_of(value)))) return 3;
    const rlimit none{RLIM_INFINITY, RLIM_INFINITY};
    if (::setrlimit(RLIMIT_FSIZE, &none) != 0) return 4;
    return blobs.prepare(as_bytes(value)) ? 0 : 5;
  });
  CHECK(code == 0);
}

TEST_CASE("threads that store the same values at once damage them") {
  Fixture fixture;
  std::vector<std::thread> threads;
  std::atomic<int> fresh{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) {
        if (fixture.put(std::string(2'000, static_cast<char>('a' + i)))) ++fresh;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(fresh == 10);
  for (int i = 0; i < 10; ++i) {
    const std::string value(2'000, static_cast<char>('a' + i));
    CHECK(as_text(*fixture.get(digest_of(value)).value()) == value);
  }
}

}  // namespace deriva::test
