// A store that another process creates while this one opens it: this executable's definition of fstatat, by which it
// looks for the files, comes before that of the C library.
#include <deriva/storage/environment.hpp>

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <string_view>
#include <utility>

#include "support/catch.hpp"
#include "unit/storage/storage_fixture.hpp"

namespace deriva::test {
namespace {

/// Called once, before the next look for a store.id.
std::function<void()>& before_look() {
  static std::function<void()> call;
  return call;
}

}  // namespace

TEST_CASE("a store that another process creates meanwhile is taken for one whose data file is gone") {
  const TemporaryDirectory place;
  const bool create = GENERATE(true, false);
  REQUIRE(Environment::open(place.path() / "theirs"));
  std::filesystem::create_directory(place.store());
  std::filesystem::permissions(place.store(), std::filesystem::perms::owner_all);
  before_look() = [&] {
    for (const char* name : {"data.mdb", "store.id"}) {
      std::filesystem::rename(place.path() / "theirs" / name, place.store() / name);
    }
  };
  EnvironmentOptions options;
  options.create_if_missing = create;
  CHECK_FALSE(open_error(place.store(), options));
  CHECK_FALSE(before_look());
}

}  // namespace deriva::test

extern "C" int fstatat(int directory, const char* name, struct stat* status, int flags) noexcept {
  if (std::string_view(name) == "store.id") {
    if (const auto call = std::exchange(deriva::test::before_look(), nullptr)) call();
  }
  return static_cast<int>(::syscall(SYS_newfstatat, directory, name, status, flags));
}
