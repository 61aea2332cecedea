#include "dag/sealed.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "storage/checksum.hpp"

namespace deriva::detail::graph {

namespace {

const char* name(Part part) noexcept {
  switch (part) {
    case Part::addresses:
      return "the keys of block ";
    case Part::inputs:
      return "the inputs of block ";
    case Part::near:
      return "the near edges of block ";
    case Part::payloads:
      return "the payloads of block ";
    case Part::list:
      return "the inputs of node ";
    case Part::payload:
      return "the payload of node ";
    case Part::record:
      return "the record of node ";
  }
  return "";
}

}  // namespace

std::uint64_t Seal::of(BytesView contents) const noexcept {
  return checksum(contents, log ^ (std::uint64_t{number} << 8U | static_cast<std::uint64_t>(part)));
}

BytesView sealed_contents(BytesView stored) {
  if (stored.size() < Seal::size) throw_corrupted("a value is too short");
  return stored.subspan(Seal::size);
}

BytesView unseal(BytesView stored, const Seal& seal) {
  const BytesView contents = sealed_contents(stored);
  std::uint64_t expected = 0;
  std::memcpy(&expected, stored.data(), sizeof(expected));
  if (seal.of(contents) != expected) {
    throw_corrupted((name(seal.part) + std::to_string(seal.number) + " are not what was stored").c_str());
  }
  return contents;
}

void seal_into(std::span<std::byte> room, const Seal& seal, BytesView contents) {
  const std::uint64_t sum = seal.of(contents);
  std::memcpy(room.data(), &sum, sizeof(sum));
  std::ranges::copy(contents, room.subspan(Seal::size).begin());
}

void put_sealed(WriteTransaction& transaction, MDB_dbi table, std::uint64_t key, const Seal& seal, BytesView contents,
                Place place) {
  seal_into(reserve(transaction, table, key, Seal::size + contents.size(), place), seal, contents);
}

}  // namespace deriva::detail::graph
