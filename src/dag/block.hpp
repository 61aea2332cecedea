#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include <deriva/core/bytes.hpp>

#include "dag/varint.hpp"

namespace deriva::detail::graph {

/// A node's number: dense, given in the order of arrival, never reused within a generation, never shown to users.
using Id = std::uint32_t;

/// Differences of ids must fit into 32 bits with a sign.
inline constexpr Id max_nodes = 0x7fffffffU;

/// How ids are divided into blocks; follows from the size of a key alone.
class BlockShape {
 public:
  /// The addresses of a block fill an overflow page of LMDB (4,096 bytes less its header and their seal) as far as they
  /// can.
  static constexpr std::uint32_t page_bytes = 4'072;

  explicit constexpr BlockShape(std::uint32_t key_size) noexcept
      : key_size_(key_size),
        nodes_(page_bytes / key_size),
        shift_(31 + static_cast<std::uint32_t>(std::bit_width(nodes_))),
        reciprocal_((std::uint64_t{1} << shift_) / nodes_ + 1) {}

  constexpr std::uint32_t key_size() const noexcept { return key_size_; }
  constexpr std::uint32_t nodes() const noexcept { return nodes_; }
  /// `id / nodes()`, by multiplication: exact for all ids below `max_nodes`.
  constexpr std::uint32_t block_of(Id id) const noexcept {
    return static_cast<std::uint32_t>((id * reciprocal_) >> shift_);
  }
  constexpr std::uint32_t slot_of(Id id) const noexcept { return id - first_of(block_of(id)); }
  constexpr Id first_of(std::uint32_t block) const noexcept { return block * nodes_; }
  /// Blocks needed for ids below `end`.
  constexpr std::uint32_t blocks_for(Id end) const noexcept { return (end + nodes_ - 1) / nodes_; }
  constexpr std::size_t address_bytes() const noexcept { return std::size_t{nodes_} * key_size_; }

  /// Bytes of a bitmap with a bit per node; also the number of groups of eight nodes.
  constexpr std::size_t groups() const noexcept { return (nodes_ + 7) / 8; }
  /// 64-bit words of such a bitmap.
  constexpr std::size_t words() const noexcept { return (groups() + 7) / 8; }
  constexpr std::size_t header_bytes() const noexcept { return 4 + 4 * groups(); }

 private:
  std::uint32_t key_size_;
  std::uint32_t nodes_;
  std::uint32_t shift_;
  std::uint64_t reciprocal_;
};

/// Lists whose encoding is longer than this are kept outside their block, so that a block stays small.
inline constexpr std::size_t max_inline_list_bytes = 96;

/// The list of one node as it stands in a block.
struct EncodedList {
  const std::uint8_t* at = nullptr;
  const std::uint8_t* end = nullptr;  ///< of the block
  std::uint32_t count = 0;
  bool outside = false;  ///< the ids are in the table of long lists

  /// Calls `visit(Id)` in order until it returns false. Requires: not `outside`.
  template <class Visit>
  bool for_each(Id self, Visit&& visit) {
    // A single one is mostly near, and as long as that of the node before: one byte (executor.empty.chain).
    const bool is_single = count == 1;
    for (std::uint32_t i = 0; i < count; ++i) {
      const Id id = self - static_cast<Id>(unzigzag(is_single ? read_varint(at, end) : read_any_varint(at, end)));
      if (id >= max_nodes) throw_corrupted("a block names a node that cannot exist");
      if (!visit(id)) return false;
    }
    return true;
  }
};

/// A read-only view of an encoded block: for up to `nodes()` consecutive nodes a list of ids each, and two bits.
///
/// Layout (docs/graph-format.md): u16 count, u16 zero; bitmap "has an entry"; bitmap "dead"; per eight nodes the u16
/// offset of the first one's list; then per node varint `2 * k + outside` and, unless outside, k zigzag varints
/// `own id - id`.
class BlockView {
 public:
  BlockView() = default;
  /// Throws `Failure` when the bytes cannot be a block.
  BlockView(const BlockShape& shape, BytesView bytes);

  BytesView bytes() const noexcept { return std::as_bytes(std::span(bytes_, end_)); }
  std::uint32_t count() const noexcept { return count_; }
  bool has_entry(std::uint32_t slot) const noexcept { return bit(bytes_ + 4, slot); }
  bool is_dead(std::uint32_t slot) const noexcept { return bit(bytes_ + 4 + groups_, slot); }
  /// 64 nodes' worth of the bitmap of live entries, one per bit.
  std::uint64_t live_entries(std::size_t word) const noexcept {
    const std::uint8_t* const at = bytes_ + 4 + 8 * word;
    std::uint64_t entries = 0;
    std::uint64_t dead = 0;
    std::memcpy(&entries, at, sizeof(entries));  // what is read beyond a bitmap is of the header still
    std::memcpy(&dead, at + groups_, sizeof(dead));
    const std::size_t left = groups_ - 8 * word;
    const std::uint64_t mask = left < 8 ? (std::uint64_t{1} << (8 * left)) - 1 : ~std::uint64_t{0};
    return entries & ~dead & mask;
  }

  EncodedList list(std::uint32_t slot) const {
    const std::uint8_t* at = start_of_group(slot / 8);
    for (std::uint32_t skip = slot % 8; skip > 0; --skip) skip_list(at);
    return open_list(at);
  }

  /// Calls `visit(slot, EncodedList&)` for each node from `slot` on, until it returns false. The visitor need not read
  /// the list to its end.
  template <class Visit>
  bool for_each_list(std::uint32_t slot, Visit&& visit) const {
    if (slot >= count_) return true;
    const std::uint8_t* at = list_start(slot);
    for (; slot < count_; ++slot) {
      EncodedList list = open_list(at);
      at = list.at;
      if (!list.outside) skip_numbers(at, list.count);
      if (!visit(slot, list)) return false;
    }
    return true;
  }

  /// Calls `read(slot, EncodedList&)` for all nodes. The reader must read each list to its end, unless it is outside.
  template <class Read>
  void read_all_lists(Read&& read) const {
    const std::uint8_t* at = lists_;
    for (std::uint32_t slot = 0; slot < count_; ++slot) {
      EncodedList list = open_list(at);
      read(slot, list);
      at = list.at;
    }
  }

  /// Where the lists of eight neighbours start, as far as they exist; for `open_list`.
  void starts_of_group(std::uint32_t group, std::array<const std::uint8_t*, 8>& starts) const {
    const std::uint8_t* at = start_of_group(group);
    const std::uint32_t size = std::min(8U, count_ - 8 * group);
    starts[0] = at;
    for (std::uint32_t i = 1; i < size; ++i) {
      skip_list(at);
      starts[i] = at;
    }
  }
  EncodedList open_list(const std::uint8_t* at) const {
    const std::uint32_t tag = read_varint(at, end_);
    return {at, end_, tag >> 1U, (tag & 1U) != 0};
  }

  const std::uint8_t* list_start(std::uint32_t slot) const {
    const std::uint8_t* at = start_of_group(slot / 8);
    for (std::uint32_t skip = slot % 8; skip > 0; --skip) skip_list(at);
    return at;
  }
  const std::uint8_t* list_end(std::uint32_t slot) const {
    const std::uint8_t* at = list_start(slot);
    skip_list(at);
    return at;
  }

 private:
  static bool bit(const std::uint8_t* bitmap, std::uint32_t slot) noexcept {
    return ((std::uint32_t{bitmap[slot / 8]} >> (slot % 8)) & 1U) != 0;
  }
  const std::uint8_t* start_of_group(std::uint32_t group) const {
    std::uint16_t offset = 0;
    std::memcpy(&offset, bytes_ + 4 + 2 * groups_ + 2 * std::size_t{group}, sizeof(offset));
    if (lists_ + offset > end_) throw_corrupted("an offset points out of its block");
    return lists_ + offset;
  }
  void skip_numbers(const std::uint8_t*& at, std::uint32_t count) const {
    while (count > 0) {
      if (at == end_) throw_corrupted("a list runs out of its block");
      count -= static_cast<std::uint32_t>(*at++ < 0x80U);
    }
  }
  void skip_list(const std::uint8_t*& at) const {
    const EncodedList list = open_list(at);
    at = list.at;
    if (!list.outside) skip_numbers(at, list.count);
  }

  const std::uint8_t* bytes_ = nullptr;
  const std::uint8_t* lists_ = nullptr;
  const std::uint8_t* end_ = nullptr;
  std::size_t groups_ = 0;
  std::uint32_t count_ = 0;
};

/// An encoded block that can be changed.
class Block {
 public:
  explicit Block(const BlockShape& shape);
  Block(const BlockShape& shape, BytesView bytes);

  const BlockShape& shape() const noexcept { return shape_; }
  BytesView bytes() const noexcept { return std::as_bytes(std::span(bytes_)); }
  BlockView view() const { return BlockView(shape_, bytes()); }
  std::uint32_t count() const noexcept { return count_; }
  bool full() const noexcept { return count_ == shape_.nodes(); }

  /// Adds the next node. Returns whether its ids fit; if not, the caller keeps them elsewhere. Requires: not full.
  bool append(Id self, bool has_entry, std::span<const Id> ids);
  /// Replaces the list of a node. Returns as `append`.
  bool replace(Id self, bool has_entry, std::span<const Id> ids);
  void mark_dead(std::uint32_t slot) noexcept;

 private:
  void set_entry(std::uint32_t slot, bool has_entry) noexcept;

  BlockShape shape_;
  std::uint32_t count_ = 0;
  std::vector<std::uint8_t> bytes_;
};

}  // namespace deriva::detail::graph
