#include <deriva/dag/persistent_dag.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "support/catch.hpp"
#include "unit/dag/journaled_graph.hpp"

// What a crash of the process or of the machine leaves behind of a journal.

namespace deriva::test {
namespace {

namespace fs = std::filesystem;

/// The files as a crash at this moment would leave them.
void copy_files(const GraphDirectory& from, const GraphDirectory& to) {
  for (const char* name : {"data.mdb", "store.id", "journal", "journal.end"}) {
    fs::copy_file(from.path() / name, to.path() / name, fs::copy_options::overwrite_existing);
  }
  fs::permissions(to.path(), fs::perms::owner_all);
}

void write_at(const fs::path& file, std::uint64_t offset, const std::string& bytes) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(static_cast<std::streamoff>(offset));
  stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  REQUIRE(stream.good());
}

/// How much of the journal file was ever written to.
std::uint64_t used_bytes(const GraphDirectory& directory) {
  std::ifstream stream(directory.path() / "journal", std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(stream), {});
  return bytes.find_last_not_of('\0') + 1;
}

TEST_CASE_METHOD(JournaledGraph, "a crash loses what is in the journal", "[dag][journal]") {
  const std::uint64_t count = GENERATE(2U, 3U, 30U, 380U, 381U, 382U, 383U, 1000U);  // blocks have 509 nodes
  Fixture f;
  insert_range(f.dag, 0, count);
  REQUIRE(appends(*f.environment) == count - 1);
  const GraphDirectory crashed;
  copy_files(f.directory, crashed);
  SECTION("of the process") {}
  SECTION("of the machine, which forgot where the journal ends") { fs::remove(crashed.path() / "journal.end"); }
  SECTION("of the machine, which remembers where the journal ended before") {
    write_at(crashed.path() / "journal.end", 4, std::string(4, '\0'));
  }
  REQUIRE(wrong_after_crash(crashed, count) == "");
  REQUIRE(wrong_after_crash(crashed, count) == "");  // once more: what recovers leaves a sound graph behind
}

TEST_CASE_METHOD(JournaledGraph, "what was recovered is not kept, or hides what is appended to it", "[dag][journal]") {
  Fixture f;
  insert_range(f.dag, 0, 20);
  const GraphDirectory crashed;
  copy_files(f.directory, crashed);
  const GraphDirectory again;
  {
    Environment environment = open_durable(crashed);
    Dag dag = open_dag(environment);
    insert_range(dag, 20, 40);
    REQUIRE(appends(environment) == 20);  // the journal goes on
    copy_files(crashed, again);
  }
  REQUIRE(wrong_after_crash(crashed, 40) == "");
  REQUIRE(wrong_after_crash(again, 40) == "");
}

TEST_CASE_METHOD(JournaledGraph, "a frame that was cut short passes for a whole one", "[dag][journal]") {
  Fixture f;
  insert_range(f.dag, 0, 10);
  const std::uint64_t whole = used_bytes(f.directory);
  insert_range(f.dag, 10, 11);
  const std::uint64_t longer = used_bytes(f.directory);
  REQUIRE(longer > whole + 40);
  const std::uint64_t kept = GENERATE(1U, 17U, 40U);
  const GraphDirectory crashed;
  copy_files(f.directory, crashed);
  fs::remove(crashed.path() / "journal.end");
  write_at(crashed.path() / "journal", whole + kept, std::string(longer - whole - kept, '\0'));
  REQUIRE(wrong_after_crash(crashed, 10) == "");
}

TEST_CASE_METHOD(JournaledGraph, "frames of an earlier journal pass for those of a later one", "[dag][journal]") {
  Fixture f;
  insert_range(f.dag, 0, 60);
  REQUIRE(f.dag.insert(make_key<Key8>(1'000'003), {}).value());  // to the tables, and the journal with it
  insert_range(f.dag, 60, 63);                                   // one begins another journal, two are in it
  REQUIRE(appends(*f.environment) == 59 + 2);
  const GraphDirectory crashed;
  copy_files(f.directory, crashed);
  if (GENERATE(false, true)) fs::remove(crashed.path() / "journal.end");
  Environment environment = open_durable(crashed);
  const Dag dag = open_dag(environment);
  REQUIRE(dag.check());
  REQUIRE(dag.size() == 64);
  REQUIRE(dag.inputs(make_key<Key8>(62)).value() == inputs_of(62));
}

TEST_CASE_METHOD(JournaledGraph, "a closed graph leaves a journal behind, or loses what was in it", "[dag][journal]") {
  const GraphDirectory directory;
  {
    Environment environment = open_durable(directory);
    Dag dag = open_dag(environment);
    insert_range(dag, 0, 50);
    REQUIRE(appends(environment) == 49);
  }
  fs::remove(directory.path() / "journal");
  fs::remove(directory.path() / "journal.end");
  REQUIRE(wrong_after_crash(directory, 50) == "");
}

TEST_CASE_METHOD(JournaledGraph, "a journal that is gone, or cut off, passes for an empty one", "[dag][journal]") {
  Fixture f;
  insert_range(f.dag, 0, 50);
  const GraphDirectory crashed;
  copy_files(f.directory, crashed);
  if (GENERATE(false, true)) {
    fs::remove(crashed.path() / "journal");
  } else {
    fs::resize_file(crashed.path() / "journal", 5'000);
  }
  Environment environment = open_durable(crashed);
  const auto refused = Dag::open(environment);
  REQUIRE(refused.has_error());
  REQUIRE(refused.error().code() == Errc::corrupted);
  fs::copy_file(f.directory.path() / "journal", crashed.path() / "journal", fs::copy_options::overwrite_existing);
  REQUIRE(wrong_with(open_dag(environment), 50) == "");
}

}  // namespace
}  // namespace deriva::test
