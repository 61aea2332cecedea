#include <deriva/storage/environment.hpp>

#include "support/catch.hpp"

#include <sys/vfs.h>

#include <fstream>

#include <lmdb.h>

#include "storage/directory.hpp"
#include "unit/storage/storage_fixture.hpp"

namespace deriva::test {
namespace {

constexpr off_t page = 4096;

void fill(const std::filesystem::path& store) {
  auto environment = Environment::open(store).value();
  auto table = Bytes::open(environment, "bytes").value();
  const std::string value(1'000, 'v');
  REQUIRE(environment.write([&](WriteTransaction& transaction) -> Result<void> {
    for (std::uint64_t i = 0; i < 200; ++i) {
      if (auto done = table.put(transaction, i, as_bytes(value)); !done) return done;
    }
    return {};
  }));
}

void overwrite(const std::filesystem::path& file, off_t offset, const void* bytes, std::size_t size) {
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
  REQUIRE(::pwrite(descriptor, bytes, size, offset) == static_cast<ssize_t>(size));
  ::close(descriptor);
}

/// Changes the tables of a closed store behind its back.
template <class Change>
void change_natively(const std::filesystem::path& path, const char* table, Change&& change) {
  MDB_env* native = nullptr;
  MDB_txn* transaction = nullptr;
  MDB_dbi handle = 0;
  REQUIRE(mdb_env_create(&native) == 0);
  REQUIRE(mdb_env_set_maxdbs(native, 8) == 0);
  REQUIRE(mdb_env_open(native, path.c_str(), 0, 0600) == 0);
  REQUIRE(mdb_txn_begin(native, nullptr, 0, &transaction) == 0);
  REQUIRE(mdb_dbi_open(transaction, table, MDB_CREATE, &handle) == 0);
  change(transaction, handle);
  REQUIRE(mdb_txn_commit(transaction) == 0);
  mdb_env_close(native);
}

}  // namespace

TEST_CASE("an empty data file opens as an empty store") {
  const TemporaryDirectory place;
  fill(place.store());
  std::filesystem::resize_file(place.store() / "data.mdb", 0);
  CHECK(open_error(place.store()) == Errc::corrupted);
}

TEST_CASE("a data file that was cut off opens, and kills the process when it is read") {
  const TemporaryDirectory place;
  fill(place.store());
  const auto size = static_cast<off_t>(std::filesystem::file_size(place.store() / "data.mdb"));
  const off_t remaining = GENERATE(100, page, page + 100, 2 * page, 20 * page, -page, -1);
  std::filesystem::resize_file(place.store() / "data.mdb",
                               static_cast<std::uintmax_t>(remaining > 0 ? remaining : size + remaining));
  CHECK(open_error(place.store()) == Errc::corrupted);
}

TEST_CASE("a data file without the free pages at its end is refused") {
  const TemporaryDirectory place;
  {
    auto environment = Environment::open(place.store()).value();
    auto table = Bytes::open(environment, "bytes").value();
    const std::string value(20'000, 'v');
    REQUIRE(
        environment.write([&](WriteTransaction& transaction) { return table.put(transaction, 1, as_bytes(value)); }));
    REQUIRE(environment.write([&](WriteTransaction& transaction) { return table.erase(transaction, 1); }));
    REQUIRE(environment.write([&](WriteTransaction& transaction) -> Result<void> {
      for (std::uint64_t i = 0; i < 500; ++i) REQUIRE(table.put(transaction, i, as_bytes(value)));
      for (std::uint64_t i = 1; i < 500; ++i) REQUIRE(table.erase(transaction, i));
      return {};
    }));
    REQUIRE(environment.stats().value().used_bytes > std::filesystem::file_size(place.store() / "data.mdb"));
  }
  auto environment = Environment::open(place.store());
  REQUIRE(environment);
  auto table = Bytes::open(*environment, "bytes").value();
  const auto size = environment->read([&](const ReadTransaction& transaction) { return table.size(transaction); });
  CHECK(size.value() == 1);
}

TEST_CASE("bytes that are no database open") {
  const TemporaryDirectory place;
  fill(place.store());
  const std::string garbage(2 * page, 'x');
  overwrite(place.store() / "data.mdb", 0, garbage.data(), garbage.size());
  CHECK(open_error(place.store()) == Errc::corrupted);
}

TEST_CASE("a file of another version of LMDB is not told apart from damage") {
  const TemporaryDirectory place;
  fill(place.store());
  const std::uint32_t version = 2;
  overwrite(place.store() / "data.mdb", 20, &version, sizeof(version));
  overwrite(place.store() / "data.mdb", page + 20, &version, sizeof(version));
  CHECK(open_error(place.store()) == Errc::format_mismatch);
}

TEST_CASE("a store of another format opens") {
  const TemporaryDirectory place;
  fill(place.store());
  change_natively(place.store(), "meta", [](MDB_txn* transaction, MDB_dbi handle) {
    std::uint32_t format = 999;
    MDB_val key{6, const_cast<char*>("format")};
    MDB_val value{sizeof(format), &format};
    REQUIRE(mdb_put(transaction, handle, &key, &value, 0) == 0);
  });
  const auto opened = Environment::open(place.store());
  REQUIRE(opened.error().code() == Errc::format_mismatch);
  CHECK_THAT(opened.error().message(), contains("format 999"));
  CHECK_THAT(opened.error().message(), contains("format 1"));
}

TEST_CASE("an LMDB file of someone else opens as a store") {
  const TemporaryDirectory place;
  std::filesystem::create_directory(place.store());
  std::filesystem::permissions(place.store(), std::filesystem::perms::owner_all);
  change_natively(place.store(), "theirs", [](MDB_txn*, MDB_dbi) {});
  CHECK(open_error(place.store()) == Errc::format_mismatch);
}

TEST_CASE("a store id that is missing or of another store is accepted") {
  const TemporaryDirectory place;
  fill(place.store());
  SECTION("missing") { std::filesystem::remove(place.store() / "store.id"); }
  SECTION("another") {
    fill(place.path() / "other");
    std::filesystem::copy_file(place.path() / "other" / "store.id", place.store() / "store.id",
                               std::filesystem::copy_options::overwrite_existing);
  }
  SECTION("empty") { std::filesystem::resize_file(place.store() / "store.id", 0); }
  CHECK(open_error(place.store()) == Errc::corrupted);
}

TEST_CASE("a store whose data file is gone is created anew") {
  const TemporaryDirectory place;
  fill(place.store());
  std::filesystem::remove(place.store() / "data.mdb");
  CHECK(open_error(place.store()) == Errc::corrupted);
}

TEST_CASE("a creation that was interrupted before the store id cannot be completed") {
  const TemporaryDirectory place;
  REQUIRE(Environment::open(place.store()));
  std::filesystem::remove(place.store() / "store.id");
  CHECK_FALSE(open_error(place.store()));
  CHECK(std::filesystem::file_size(place.store() / "store.id") == 33);
}

TEST_CASE("a directory that others can change is accepted") {
  const TemporaryDirectory place;
  fill(place.store());
  using std::filesystem::perms;
  SECTION("group") { std::filesystem::permissions(place.store(), perms::owner_all | perms::group_write); }
  SECTION("others") { std::filesystem::permissions(place.store(), perms::owner_all | perms::others_write); }
  SECTION("data file") {
    std::filesystem::permissions(place.store() / "data.mdb",
                                 perms::owner_read | perms::owner_write | perms::others_write);
  }
  SECTION("another owner") {
    if (::geteuid() != 0) return;
    REQUIRE(::chown(place.store().c_str(), 12345, 12345) == 0);
  }
  SECTION("another owner of the data file") {
    if (::geteuid() != 0) return;
    REQUIRE(::chown((place.store() / "data.mdb").c_str(), 12345, 12345) == 0);
  }
  CHECK(open_error(place.store()) == Errc::permission_denied);
}

TEST_CASE("a symbolic link is followed to the directory or the data file") {
  const TemporaryDirectory place;
  fill(place.path() / "real");
  SECTION("directory") { std::filesystem::create_symlink(place.path() / "real", place.store()); }
  SECTION("directory with a slash at the end") {
    std::filesystem::create_symlink(place.path() / "real", place.store());
    CHECK(open_error(place.store() / "") == Errc::permission_denied);
  }
  SECTION("data file") {
    std::filesystem::create_directory(place.store());
    std::filesystem::create_symlink(place.path() / "real" / "data.mdb", place.store() / "data.mdb");
  }
  CHECK(open_error(place.store()) == Errc::permission_denied);
}

TEST_CASE("a path that cannot be a store gives the wrong error") {
  const TemporaryDirectory place;
  CHECK(open_error(place.path() / "no" / "such") == Errc::not_found);
  CHECK(open_error(place.store(), {.create_if_missing = false}) == Errc::not_found);
  std::filesystem::create_directory(place.path() / "empty");
  CHECK(open_error(place.path() / "empty", {.create_if_missing = false}) == Errc::not_found);
  CHECK(open_error("") == Errc::invalid_argument);
  std::ofstream(place.path() / "file") << "text";
  CHECK(open_error(place.path() / "file") == Errc::invalid_argument);
}

TEST_CASE("a network file system counts as local") {
  CHECK(detail::is_network_file_system(0x6969));            // NFS
  CHECK(detail::is_network_file_system(0xFF534D42));        // CIFS
  CHECK(detail::is_network_file_system(0x65735546));        // FUSE
  CHECK_FALSE(detail::is_network_file_system(0xEF53));      // ext4
  CHECK_FALSE(detail::is_network_file_system(0x58465342));  // XFS
  CHECK_FALSE(detail::is_network_file_system(0x01021994));  // tmpfs
}

TEST_CASE("files of the store can be read by others or are inherited by other programs") {
  const TemporaryDirectory place;
  const auto environment = Environment::open(place.store()).value();
  struct stat status {};
  REQUIRE(::stat(place.store().c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0700U);
  for (const char* name : {"data.mdb", "lock.mdb", "store.id"}) {
    REQUIRE(::stat((place.store() / name).c_str(), &status) == 0);
    CHECK((status.st_mode & 0777U) == 0600U);
  }
  int seen = 0;
  for (int descriptor = 0; descriptor < 256; ++descriptor) {
    char target[4096] = {};
    const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
    if (::readlink(link.c_str(), target, sizeof(target) - 1) < 0) continue;
    if (std::string(target).find(place.path().string()) == std::string::npos) continue;
    ++seen;
    INFO(target);
    CHECK((::fcntl(descriptor, F_GETFD) & FD_CLOEXEC) != 0);
  }
  CHECK(seen >= 3);
}

TEST_CASE("a map that the system cannot grant is an error instead of a smaller map") {
  const TemporaryDirectory place;
  const auto environment = Environment::open(place.store(), {.map_bytes = std::uint64_t{1} << 50U}).value();
  CHECK(environment.stats().value().map_bytes < std::uint64_t{1} << 50U);
}

}  // namespace deriva::test
