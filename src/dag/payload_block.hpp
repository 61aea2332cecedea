#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include <deriva/core/bytes.hpp>

#include "dag/block.hpp"

namespace deriva::detail::graph {

/// Longer payloads are kept outside their block, so that a block stays small.
inline constexpr std::size_t max_inline_payload_bytes = 96;

/// Where the payloads of a block, and one that is outside it, are in their table: neighbours.
constexpr std::uint64_t payload_key(std::uint32_t block) noexcept { return std::uint64_t{block} << 32U; }
constexpr std::uint64_t long_payload_key(const BlockShape& shape, Id id) noexcept {
  return payload_key(shape.block_of(id)) + 1 + shape.slot_of(id);
}

/// A read-only view of the payloads of `nodes()` consecutive nodes. None and an empty one are the same.
///
/// Layout (docs/graph-format.md): per node the u16 end of its payload, from the end of this header; bitmap "outside";
/// the payloads one after the other.
class PayloadView {
 public:
  /// Throws `Failure` when the bytes cannot be such a block.
  PayloadView(const BlockShape& shape, BytesView bytes) : bytes_(bytes), ends_bytes_(2 * std::size_t{shape.nodes()}) {
    const std::size_t header_bytes = ends_bytes_ + shape.groups();
    if (bytes.size() < header_bytes) throw_corrupted("a block of payloads is too short");
    payloads_ = bytes.subspan(header_bytes);
  }

  bool is_outside(std::uint32_t slot) const noexcept {
    return ((std::to_integer<unsigned>(bytes_[ends_bytes_ + slot / 8]) >> (slot % 8)) & 1U) != 0;
  }
  /// 64 nodes' worth of the bitmap of payloads that are inside, one per bit.
  std::uint64_t inside(std::size_t word) const noexcept {
    std::uint64_t outside = 0;
    const std::size_t left = bytes_.size() - payloads_.size() - ends_bytes_ - 8 * word;
    std::memcpy(&outside, bytes_.data() + ends_bytes_ + 8 * word, std::min(left, sizeof(outside)));
    return ~outside;
  }
  /// The payload of a node, unless it is outside.
  BytesView at(std::uint32_t slot) const {
    const std::size_t begin = slot == 0 ? 0 : end_of(slot - 1);
    const std::size_t end = end_of(slot);
    if (begin > end || end > payloads_.size()) throw_corrupted("a payload runs out of its block");
    return payloads_.subspan(begin, end - begin);
  }
  /// Where the first one begins.
  const std::byte* data() const noexcept { return payloads_.data(); }
  /// Bytes of all payloads inside.
  std::size_t size() const noexcept { return payloads_.size(); }

 private:
  std::size_t end_of(std::uint32_t slot) const noexcept {
    std::uint16_t end = 0;
    std::memcpy(&end, bytes_.data() + 2 * std::size_t{slot}, sizeof(end));
    return end;
  }

  BytesView bytes_;
  BytesView payloads_;
  std::size_t ends_bytes_;
};

/// Such a block that can be changed.
class PayloadBlock {
 public:
  explicit PayloadBlock(const BlockShape& shape);
  PayloadBlock(const BlockShape& shape, BytesView bytes);

  BytesView bytes() const noexcept { return bytes_; }
  PayloadView view() const { return {shape_, bytes_}; }

  /// Gives a node its payload, or none. Returns whether it is inside; if not, the caller keeps it elsewhere.
  bool set(std::uint32_t slot, BytesView payload);

 private:
  BlockShape shape_;
  std::vector<std::byte> bytes_;
};

}  // namespace deriva::detail::graph
