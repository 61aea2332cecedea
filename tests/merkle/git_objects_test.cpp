#include "git_objects.hpp"

#include <string>

#include <deriva/core/bytes.hpp>

#include "support/catch.hpp"

namespace {

using deriva::as_bytes;
using merkle::Mode;
using merkle::stands_before;

std::string blob(std::string_view content) { return merkle::to_hex(merkle::blob_id(as_bytes(content))); }

}  // namespace

TEST_CASE("A blob's id is git's, for no bytes, text, and bytes of every value") {
  REQUIRE(blob("") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
  REQUIRE(blob("what is up, doc?") == "bd9dbf5aae1a3862dd1526723246b20206e5fc37");
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  REQUIRE(blob(all) == "c86626638e0bc8cf47ca49bb1525b40e9737ee64");
}

TEST_CASE("An id does not depend on what was hashed before it on the thread") {
  static_cast<void>(blob("something else"));
  REQUIRE(blob("") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
}

TEST_CASE("A tree's id is git's, for no entries and for one") {
  REQUIRE(merkle::to_hex(merkle::tree_id({})) == "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
  std::string entries;
  merkle::append_tree_entry(entries, to_string(Mode::file), "hello", merkle::blob_id(as_bytes("hello\n")));
  REQUIRE(merkle::to_hex(merkle::tree_id(as_bytes(entries))) == "b4d01e9b0c4a9356736dfddf8830ba9a54f5271c");
}

TEST_CASE("A directory stands where its name with a slash would") {
  REQUIRE(stands_before("a.", Mode::file, "a", Mode::directory));
  REQUIRE_FALSE(stands_before("a", Mode::directory, "a.", Mode::file));
  REQUIRE(stands_before("a", Mode::directory, "a0", Mode::file));
  REQUIRE(stands_before("a", Mode::file, "a.", Mode::file));
  REQUIRE(stands_before("a", Mode::file, "a\x01", Mode::file));
  REQUIRE(stands_before("a", Mode::directory, "a0", Mode::directory));
}

TEST_CASE("Names are compared as unsigned bytes") {
  REQUIRE(stands_before("z", Mode::file, "\xFF", Mode::file));
  REQUIRE(stands_before("az", Mode::file, "a\xFF", Mode::file));
  REQUIRE(stands_before("a", Mode::directory, "a\xFF", Mode::file));
}

TEST_CASE("A name does not stand before itself") {
  REQUIRE_FALSE(stands_before("a", Mode::file, "a", Mode::file));
  REQUIRE_FALSE(stands_before("a", Mode::directory, "a", Mode::directory));
}
