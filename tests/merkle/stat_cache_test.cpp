#include "stat_cache.hpp"

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include <stdlib.h>
#include <sys/stat.h>

#include <deriva/core/bytes.hpp>

#include "support/catch.hpp"

namespace {

namespace fs = std::filesystem;
using merkle::StatCache;

struct Scratch {
  Scratch() {
    std::string name = (fs::temp_directory_path() / "merkle-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    directory = name;
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { fs::remove_all(directory); }

  [[nodiscard]] StatCache load() const { return StatCache::load(directory / "cache", directory); }
  [[nodiscard]] std::uint64_t device() const {
    struct stat status {};
    REQUIRE(::stat(directory.c_str(), &status) == 0);
    return status.st_dev;
  }

  fs::path directory;
};

const deriva::Address leaf = deriva::Address::of_leaf(deriva::as_bytes("content"));

std::int64_t now_ns() { return std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count(); }

merkle::Stamp stamp(const Scratch& scratch, std::int64_t changed_ns) {
  return {scratch.device(), 7, 100, 1'000'000'001, changed_ns};
}

/// Whether a run that saved a file with this stamp lets the next one trust it.
bool is_remembered(const Scratch& scratch, const merkle::Stamp& stamp, merkle::Mode mode = merkle::Mode::file) {
  merkle::Scan scan;
  scan.files.push_back({"file", mode, stamp, {}});
  scratch.load().save(scan, std::vector{leaf});
  return scratch.load().find(stamp) == leaf;
}

constexpr std::int64_t minute = 60'000'000'000;

}  // namespace

TEST_CASE("A stat cache remembers a file that was not touched lately") {
  const Scratch scratch;
  REQUIRE(is_remembered(scratch, stamp(scratch, now_ns() - minute)));
}

TEST_CASE("A stat cache does not trust a file that changed while or just before it was read") {
  const Scratch scratch;
  REQUIRE_FALSE(is_remembered(scratch, stamp(scratch, now_ns() + minute)));
  merkle::Stamp content_is_newer = stamp(scratch, now_ns() - minute);
  content_is_newer.modified_ns = now_ns() + minute;
  REQUIRE_FALSE(is_remembered(scratch, content_is_newer));
}

TEST_CASE("A stat cache keeps its distance from times without a fraction of a second") {
  const Scratch scratch;
  constexpr std::int64_t second = 1'000'000'000;
  const std::int64_t last_second = now_ns() / second * second;
  REQUIRE_FALSE(is_remembered(scratch, stamp(scratch, last_second)));
  REQUIRE(is_remembered(scratch, stamp(scratch, last_second - 60 * second)));
}

TEST_CASE("A stat cache finds no file of which anything changed") {
  const Scratch scratch;
  const merkle::Stamp old = stamp(scratch, now_ns() - minute);
  REQUIRE(is_remembered(scratch, old));
  const StatCache cache = scratch.load();
  for (auto member : {&merkle::Stamp::device, &merkle::Stamp::inode, &merkle::Stamp::size}) {
    merkle::Stamp other = old;
    ++(other.*member);
    REQUIRE_FALSE(cache.find(other));
  }
  for (auto member : {&merkle::Stamp::modified_ns, &merkle::Stamp::changed_ns}) {
    merkle::Stamp other = old;
    ++(other.*member);
    REQUIRE_FALSE(cache.find(other));
  }
}

TEST_CASE("A stat cache remembers no symbolic links, and no files of other file systems") {
  const Scratch scratch;
  merkle::Stamp old = stamp(scratch, now_ns() - minute);
  REQUIRE_FALSE(is_remembered(scratch, old, merkle::Mode::symlink));
  ++old.device;
  REQUIRE_FALSE(is_remembered(scratch, old));
}
