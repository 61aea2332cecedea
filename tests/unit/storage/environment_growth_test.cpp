#include <deriva/storage/environment.hpp>

#include "support/catch.hpp"

#include <sys/resource.h>

#include <csignal>
#include <cstring>

#include "unit/storage/storage_fixture.hpp"

namespace deriva::test {
namespace {

const EnvironmentOptions small_map{.durability = Durability::relaxed, .map_bytes = std::uint64_t{1} << 20U};

Result<void> put_bytes(Environment& environment, const Bytes& table, std::uint64_t key, std::size_t size) {
  const std::string value(size, static_cast<char>('a' + key % 26));
  return environment.write([&](WriteTransaction& transaction) { return table.put(transaction, key, as_bytes(value)); });
}

/// Whether the value is what `put_bytes` wrote.
bool is_intact(const Environment& environment, const Bytes& table, std::uint64_t key, std::size_t size) {
  const auto intact = environment.read([&](const ReadTransaction& transaction) -> Result<bool> {
    const auto value = table.get(transaction, key);
    if (!value || !*value || (*value)->size() != size) return false;
    for (const std::byte byte : **value) {
      if (byte != static_cast<std::byte>('a' + key % 26)) return false;
    }
    return true;
  });
  return intact && *intact;
}

/// The descriptor of `data.mdb` through which LMDB writes meta pages (`O_DSYNC`), or all other pages.
int find_descriptor(const std::filesystem::path& store, bool meta) {
  const std::string wanted = std::filesystem::canonical(store / "data.mdb");
  for (int descriptor = 0; descriptor < 256; ++descriptor) {
    char target[4096] = {};
    const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
    if (::readlink(link.c_str(), target, sizeof(target) - 1) < 0 || target != wanted) continue;
    if (((::fcntl(descriptor, F_GETFL) & O_DSYNC) != 0) == meta) return descriptor;
  }
  return -1;
}

/// Makes every write through a descriptor fail with "no space left", until it is mended.
class Broken {
 public:
  explicit Broken(int descriptor) : descriptor_(descriptor), saved_(::dup(descriptor)) {
    const int full = ::open("/dev/full", O_RDWR | O_CLOEXEC);
    REQUIRE(::dup2(full, descriptor) == descriptor);
    ::close(full);
  }
  ~Broken() { ::close(saved_); }
  void mend() { REQUIRE(::dup2(saved_, descriptor_) == descriptor_); }

 private:
  int descriptor_;
  int saved_;
};

}  // namespace

TEST_CASE("a full map is an error, or pulls the map away under readers") {
  const TemporaryDirectory place;
  auto environment = Environment::open(place.store(), small_map).value();
  auto table = Bytes::open(environment, "bytes").value();
  constexpr std::uint64_t values = 200;
  constexpr std::size_t size = 100'000;
  REQUIRE(put_bytes(environment, table, 0, size));
  std::atomic<std::uint64_t> written{1};
  std::atomic<int> damaged{0};
  std::vector<std::thread> readers;
  for (std::uint64_t r = 0; r < 3; ++r) {
    readers.emplace_back([&, r] {
      for (std::uint64_t i = r; written < values; ++i) {
        if (!is_intact(environment, table, i % written, size)) ++damaged;
      }
    });
  }
  for (std::uint64_t i = 1; i < values; ++i) {
    CHECK(put_bytes(environment, table, i, size));
    written = i + 1;
  }
  for (auto& reader : readers) reader.join();
  CHECK(damaged == 0);
  CHECK(environment.stats().value().map_growths >= 4);
  for (std::uint64_t i = 0; i < values; ++i) CHECK(is_intact(environment, table, i, size));
}

TEST_CASE("an operation that swallows the error of a full map is committed without the change") {
  const TemporaryDirectory place;
  auto environment = Environment::open(place.store(), small_map).value();
  auto table = Bytes::open(environment, "bytes").value();
  const std::string value(3'000'000, 'v');
  int runs = 0;
  REQUIRE(environment.write([&](WriteTransaction& transaction) -> Result<void> {
    ++runs;
    (void)table.put(transaction, 1, as_bytes(value));
    return {};
  }));
  CHECK(runs >= 2);
  const auto stored = environment.read(
      [&](const ReadTransaction& t) -> Result<std::size_t> { return table.get(t, 1).value()->size(); });
  CHECK(stored.value() == value.size());
}

TEST_CASE("a map that another process has grown cannot be read or written") {
  const TemporaryDirectory place;
  int to_child[2];
  REQUIRE(::pipe(to_child) == 0);
  const ::pid_t child = ::fork();  // before this process opens anything
  if (child == 0) {
    char go = 0;
    if (::read(to_child[0], &go, 1) != 1) ::_exit(1);
    auto environment = Environment::open(place.store(), small_map);
    auto table = Bytes::open(*environment, "bytes");
    for (std::uint64_t i = 0; i < 50; ++i) {
      if (!put_bytes(*environment, *table, i, 100'000)) ::_exit(2);
    }
    ::_exit(0);
  }
  auto environment = Environment::open(place.store(), small_map).value();
  auto table = Bytes::open(environment, "bytes").value();
  CHECK_FALSE(is_intact(environment, table, 0, 100'000));
  REQUIRE(::write(to_child[1], "x", 1) == 1);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
  SECTION("read first") { CHECK(is_intact(environment, table, 49, 100'000)); }
  SECTION("write first") { CHECK(put_bytes(environment, table, 50, 100'000)); }
  for (std::uint64_t i = 0; i < 50; ++i) CHECK(is_intact(environment, table, i, 100'000));
}

TEST_CASE("a full disk is not told apart from other errors, or cannot be recovered from") {
  const TemporaryDirectory place;
  const int code = in_child([&] {
    auto environment = Environment::open(place.store()).value();
    auto table = Bytes::open(environment, "bytes").value();
    if (!put_bytes(environment, table, 1, 10'000)) return 1;
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{200'000, RLIM_INFINITY};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 2;
    const auto refused = put_bytes(environment, table, 2, 1'000'000);
    if (refused || refused.error().code() != Errc::disk_full) return 3;
    if (!is_intact(environment, table, 1, 10'000)) return 4;
    if (!put_bytes(environment, table, 3, 10'000)) return 5;
    const rlimit none{RLIM_INFINITY, RLIM_INFINITY};
    if (::setrlimit(RLIMIT_FSIZE, &none) != 0) return 6;
    if (!put_bytes(environment, table, 2, 1'000'000)) return 7;
    return is_intact(environment, table, 2, 1'000'000) && is_intact(environment, table, 3, 10'000) ? 0 : 8;
  });
  CHECK(code == 0);
}

TEST_CASE("a full file system kills the process, or is an unknown error") {
  const TemporaryDirectory place;
  const int code = in_child([&] {
    if (!mount_small_file_system(place.path(), 4'000'000)) return not_allowed;
    auto environment = Environment::open(place.store(), {.map_bytes = std::uint64_t{1} << 20U}).value();
    auto table = Bytes::open(environment, "bytes").value();
    std::uint64_t stored = 0;
    for (; stored < 100; ++stored) {
      const auto done = put_bytes(environment, table, stored, 100'000);
      if (!done && done.error().code() != Errc::disk_full) return 1;
      if (!done) break;
    }
    if (stored < 20 || stored == 100) return 2;
    for (std::uint64_t i = 0; i < stored; ++i) {
      if (!is_intact(environment, table, i, 100'000)) return 3;
    }
    if (::mount("none", place.path().c_str(), nullptr, MS_REMOUNT, "size=20000000") != 0) return 4;
    if (!put_bytes(environment, table, stored, 1'000'000)) return 5;
    return is_intact(environment, table, stored, 1'000'000) ? 0 : 6;
  });
  if (code != not_allowed) CHECK(code == 0);
}

TEST_CASE("a data page that cannot be written is an acknowledged change") {
  const TemporaryDirectory place;
  auto environment = Environment::open(place.store()).value();
  auto table = Numbers::open(environment, "numbers").value();
  REQUIRE(put_number(environment, table, 1, 11));
  Broken data(find_descriptor(place.store(), false));
  CHECK(put_number(environment, table, 1, 12).error().code() == Errc::disk_full);
  CHECK(get_number(environment, table, 1).value() == 11U);
  data.mend();
  CHECK(put_number(environment, table, 1, 13));
  CHECK(get_number(environment, table, 1).value() == 13U);
}

TEST_CASE("a meta page that cannot be written stops the environment for ever") {
  const TemporaryDirectory place;
  auto environment = Environment::open(place.store()).value();
  auto table = Numbers::open(environment, "numbers").value();
  auto second = Numbers::open(environment, "second").value();
  REQUIRE(put_number(environment, table, 1, 11));
  REQUIRE(put_number(environment, second, 1, 21));
  const Broken meta(find_descriptor(place.store(), true));
  CHECK(put_number(environment, table, 1, 12).error().code() == Errc::disk_full);
  SECTION("read first") { CHECK(get_number(environment, second, 1).value() == 21U); }
  SECTION("write first") { CHECK(put_number(environment, second, 2, 22)); }
  CHECK(put_number(environment, table, 1, 13));
  CHECK(get_number(environment, table, 1).value() == 13U);
  CHECK(get_number(environment, second, 1).value() == 21U);
}

TEST_CASE("a device that fails again right after reopening is tried for ever") {
  const TemporaryDirectory place;
  auto environment = Environment::open(place.store()).value();
  auto table = Numbers::open(environment, "numbers").value();
  REQUIRE(put_number(environment, table, 1, 11));
  for (int i = 0; i < 2; ++i) {
    const Broken meta(find_descriptor(place.store(), true));
    CHECK_FALSE(put_number(environment, table, 1, 12));
    CHECK(get_number(environment, table, 1).has_value() == (i == 0));
  }
  CHECK(get_number(environment, table, 1).error().code() == Errc::io_error);
  CHECK(put_number(environment, table, 1, 13).error().code() == Errc::io_error);
  CHECK(environment.stats().error().code() == Errc::io_error);
}

}  // namespace deriva::test
