#include "dag/varint.hpp"

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "support/catch.hpp"

namespace {

using deriva::detail::Failure;
using deriva::detail::graph::read_any_varint;
using deriva::detail::graph::read_varint;
using deriva::detail::graph::write_varint;
using Read = std::uint32_t (*)(const std::uint8_t*&, const std::uint8_t*);

}  // namespace

TEST_CASE("a number is read differently one byte at a time and eight at a time", "[dag]") {
  const Read read = GENERATE(&read_varint, &read_any_varint);
  std::mt19937 random(1);
  std::vector<std::uint32_t> numbers = {0, 1, 127, 128, 16'383, 16'384, 0x1fffffU, 0x200000U, 0xfffffffU, 0x10000000U};
  for (int i = 0; i < 2'000; ++i) numbers.push_back(static_cast<std::uint32_t>(random()) >> (random() % 32));
  numbers.push_back(~std::uint32_t{0});
  std::vector<std::uint8_t> bytes;
  for (const std::uint32_t number : numbers) write_varint(bytes, number);
  const std::uint8_t* at = bytes.data();
  const std::uint8_t* const end = at + bytes.size();
  for (const std::uint32_t number : numbers) REQUIRE(read(at, end) == number);
  REQUIRE(at == end);
}

TEST_CASE("a number without an end is read beyond the block", "[dag]") {
  const Read read = GENERATE(&read_varint, &read_any_varint);
  const std::size_t size = GENERATE(0U, 1U, 4U, 5U, 7U, 8U, 20U);
  const std::vector<std::uint8_t> bytes(size, 0x80U);  // as many as there are, so that a sanitizer sees more
  const std::uint8_t* at = bytes.data();
  REQUIRE_THROWS_AS(read(at, bytes.data() + size), Failure);
}
