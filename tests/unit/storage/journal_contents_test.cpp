#include "storage/journal_contents.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "support/catch.hpp"

#include <deriva/core/bytes.hpp>

namespace deriva::test {
namespace {

using detail::JournalContents;

constexpr std::uint64_t epoch = 0x1234'5678'0000'0001U;

JournalContents with(std::initializer_list<const char*> payloads, std::uint64_t of = epoch) {
  JournalContents contents;
  contents.reset(of, "owner");
  for (const char* payload : payloads) contents.append(as_bytes(payload));
  return contents;
}

std::vector<std::string> payloads_of(const JournalContents& contents) {
  std::vector<std::string> payloads;
  std::size_t offset = 0;
  while (const auto payload = contents.next(offset)) payloads.emplace_back(as_text(*payload));
  return payloads;
}

std::vector<std::byte> bytes_of(const JournalContents& contents) {
  const BytesView bytes = contents.from(0);
  return {bytes.begin(), bytes.end()};
}

using Payloads = std::vector<std::string>;

TEST_CASE("frames come back in another order, or with other bytes", "[storage][journal]") {
  const JournalContents written = with({"one", "", "three"});
  JournalContents read = with({});
  REQUIRE(read.adopt(written.from(0)) == written.size());
  REQUIRE(payloads_of(read) == Payloads{"one", "", "three"});
  REQUIRE(as_text(read.last().value()) == "three");
  REQUIRE(read.seal() == written.seal());
  REQUIRE(read.owner() == "owner");
  REQUIRE_FALSE(with({}).last());
}

TEST_CASE("a damaged frame, or what is behind it, is taken over", "[storage][journal]") {
  const JournalContents written = with({"one", "two", "three"});
  std::vector<std::byte> bytes = bytes_of(written);
  const std::size_t first = with({"one"}).size();
  bytes[first + GENERATE(0U, 8U, 15U, 16U, 18U)] ^= std::byte{1};
  JournalContents read = with({});
  REQUIRE(read.adopt(bytes) == first);
  REQUIRE(payloads_of(read) == Payloads{"one"});
}

TEST_CASE("half a frame is taken over", "[storage][journal]") {
  const JournalContents written = with({"one", "two"});
  const std::size_t first = with({"one"}).size();
  for (std::size_t size = first; size < written.size(); ++size) {
    JournalContents read = with({});
    REQUIRE(read.adopt(written.from(0).first(size)) == first);
  }
}

TEST_CASE("frames of another journal, or of another place in this one, are taken over", "[storage][journal]") {
  REQUIRE(with({}).adopt(with({"one"}, epoch + 1).from(0)) == 0);
  REQUIRE(with({}).adopt(with({"one"}, epoch ^ std::uint64_t{1} << 40U).from(0)) == 0);
  const JournalContents two = with({"one", "two"});
  const std::size_t first = with({"one"}).size();
  REQUIRE(with({}).adopt(two.from(first)) == 0);
  REQUIRE(with({"other"}).adopt(two.from(first)) == 0);
  REQUIRE(with({"one"}).adopt(two.from(first)) == two.size() - first);
  REQUIRE(with({}).adopt(std::vector<std::byte>(64)) == 0);  // a file that was made, and not written to
}

TEST_CASE("frames that were taken back are there, or in the way of the next", "[storage][journal]") {
  JournalContents contents = with({"one"});
  const std::uint64_t seal = contents.seal();
  const std::size_t size = contents.size();
  contents.append(as_bytes("two"));
  contents.append(as_bytes("three"));
  contents.truncate(size, seal);
  REQUIRE(payloads_of(contents) == Payloads{"one"});
  REQUIRE(as_text(contents.last().value()) == "one");
  contents.append(as_bytes("other"));
  JournalContents read = with({});
  REQUIRE(read.adopt(contents.from(0)) == contents.size());
  REQUIRE(payloads_of(read) == Payloads{"one", "other"});
}

TEST_CASE("asking for a frame where none begins reads beyond the bytes", "[storage][journal]") {
  const JournalContents contents = with({"a payload of some length"});
  for (std::size_t offset = 1; offset < contents.size() + 20; ++offset) {
    std::size_t at = offset;
    const auto payload = contents.next(at);
    REQUIRE((!payload || at <= contents.size()));
  }
}

}  // namespace
}  // namespace deriva::test
