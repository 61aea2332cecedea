#include "options.hpp"

#include <vector>

#include "support/catch.hpp"

namespace {

merkle::Options parse(std::vector<const char*> arguments) { return merkle::parse_options(arguments); }

}  // namespace

TEST_CASE("Options are read before and after the directory, with their value apart or after an equals sign") {
  const merkle::Options options =
      parse({"--jobs=3", "dir", "--store", "s", "--durability=relaxed", "--max", "7", "--report", "r.html"});
  REQUIRE(options.directory == "dir");
  REQUIRE(options.store == "s");
  REQUIRE(options.jobs == 3);
  REQUIRE(options.durability == deriva::Durability::relaxed);
  REQUIRE(options.max_lines == 7);
  REQUIRE(options.report == "r.html");
}

TEST_CASE("What an option leaves open has a sensible default") {
  const merkle::Options options = parse({"dir", "--store=s"});
  REQUIRE(options.jobs >= 1);
  REQUIRE(options.durability == deriva::Durability::sync);
  REQUIRE(options.progress);
  REQUIRE_FALSE(options.changes);
  REQUIRE_FALSE(options.quiet);
}

TEST_CASE("After two dashes a directory may begin with one") {
  REQUIRE(parse({"--store", "s", "--", "--odd"}).directory == "--odd");
}

TEST_CASE("A number that is none, too small or too large is refused") {
  for (const char* text : {"", "x", "1x", "0", "-1", "99999999999999999999"}) {
    REQUIRE_THROWS_AS(parse({"dir", "--store", "s", "--jobs", text}), merkle::UsageError);
  }
}
