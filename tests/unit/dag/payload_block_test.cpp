#include "dag/payload_block.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <deriva/core/bytes.hpp>

#include "support/catch.hpp"

namespace {

using deriva::as_bytes;
using deriva::as_text;
using deriva::detail::Failure;
using deriva::detail::graph::BlockShape;
using deriva::detail::graph::PayloadBlock;
using deriva::detail::graph::PayloadView;

constexpr std::uint32_t long_ones = 7;

std::string payload_of(std::uint32_t slot) {
  return slot % long_ones == 3 ? std::string(1'000, 'l') : std::string(slot % 5, static_cast<char>('a' + slot % 26));
}

TEST_CASE("the bitmap of payloads that are inside their block says something else than their slots", "[dag]") {
  const BlockShape shape(GENERATE(8U, 16U, 20U, 32U, 63U, 500U));
  PayloadBlock block(shape);
  for (std::uint32_t slot = 0; slot < shape.nodes(); ++slot) {
    REQUIRE(block.set(slot, as_bytes(payload_of(slot))) == (slot % long_ones != 3));
  }
  const PayloadView view = block.view();
  for (std::uint32_t slot = 0; slot < shape.nodes(); ++slot) {
    const bool is_inside = ((view.inside(slot / 64) >> (slot % 64)) & 1U) != 0;
    REQUIRE(is_inside == !view.is_outside(slot));
    REQUIRE(is_inside == (slot % long_ones != 3));
    if (is_inside) REQUIRE(as_text(view.at(slot)) == payload_of(slot));
  }
}

TEST_CASE("ends of payloads that cannot be are followed", "[dag]") {
  const BlockShape shape(32);
  PayloadBlock block(shape);
  REQUIRE(block.set(0, as_bytes("four")));
  REQUIRE(as_text(block.view().at(0)) == "four");
  std::vector<std::byte> bytes(block.bytes().begin(), block.bytes().end());
  bytes[0] = std::byte{5};  // The end of the first one.
  REQUIRE_THROWS_AS(PayloadView(shape, bytes).at(0), Failure);
  bytes[0] = std::byte{3};
  bytes[2] = std::byte{2};
  REQUIRE_THROWS_AS(PayloadView(shape, bytes).at(1), Failure);
}

}  // namespace
