#include "dag/block.hpp"

namespace deriva::detail::graph {

namespace {

// Appends the encoding of a list; returns whether the ids are in it.
bool encode_list(Id self, std::span<const Id> ids, std::vector<std::uint8_t>& out) {
  const std::size_t start = out.size();
  const auto count = static_cast<std::uint32_t>(ids.size());
  write_varint(out, count << 1U);
  for (const Id id : ids) {
    write_varint(out, zigzag(static_cast<std::int32_t>(self - id)));
    if (out.size() - start > max_inline_list_bytes) {
      out.resize(start);
      write_varint(out, count << 1U | 1U);
      return false;
    }
  }
  return true;
}

void store_u16(std::uint8_t* at, std::size_t value) {
  const auto number = static_cast<std::uint16_t>(value);
  std::memcpy(at, &number, sizeof(number));
}

}  // namespace

BlockView::BlockView(const BlockShape& shape, BytesView bytes)
    : bytes_(reinterpret_cast<const std::uint8_t*>(bytes.data())),
      lists_(bytes_ + shape.header_bytes()),
      end_(bytes_ + bytes.size()),
      groups_(shape.groups()) {
  if (bytes.size() < shape.header_bytes()) throw_corrupted("a block is too short");
  std::uint16_t count = 0;
  std::memcpy(&count, bytes_, sizeof(count));
  if (count > shape.nodes()) throw_corrupted("a block holds too many nodes");
  count_ = count;
}

Block::Block(const BlockShape& shape) : shape_(shape), bytes_(shape.header_bytes(), 0) {}

Block::Block(const BlockShape& shape, BytesView bytes) : shape_(shape), count_(BlockView(shape, bytes).count()) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  bytes_.assign(data, data + bytes.size());
}

bool Block::append(Id self, bool has_entry, std::span<const Id> ids) {
  const std::uint32_t slot = count_++;
  if (slot % 8 == 0) {
    store_u16(bytes_.data() + 4 + 2 * shape_.groups() + std::size_t{slot} / 8 * 2,
              bytes_.size() - shape_.header_bytes());
  }
  store_u16(bytes_.data(), count_);
  set_entry(slot, has_entry);
  return encode_list(self, ids, bytes_);
}

bool Block::replace(Id self, bool has_entry, std::span<const Id> ids) {
  const std::uint32_t slot = shape_.slot_of(self);
  const BlockView before = view();
  const std::ptrdiff_t start = before.list_start(slot) - bytes_.data();
  const std::ptrdiff_t end = before.list_end(slot) - bytes_.data();
  std::vector<std::uint8_t> encoded;
  const bool fits = encode_list(self, ids, encoded);

  const std::ptrdiff_t growth = static_cast<std::ptrdiff_t>(encoded.size()) - (end - start);
  if (growth > 0) {
    bytes_.insert(bytes_.begin() + end, static_cast<std::size_t>(growth), 0);
  } else {
    bytes_.erase(bytes_.begin() + end + growth, bytes_.begin() + end);
  }
  std::copy(encoded.begin(), encoded.end(), bytes_.begin() + start);
  for (std::size_t group = slot / 8 + 1; group * 8 < count_; ++group) {
    std::uint8_t* at = bytes_.data() + 4 + 2 * shape_.groups() + 2 * group;
    std::uint16_t offset = 0;
    std::memcpy(&offset, at, sizeof(offset));
    store_u16(at, static_cast<std::size_t>(offset + growth));
  }
  set_entry(slot, has_entry);
  return fits;
}

void Block::mark_dead(std::uint32_t slot) noexcept {
  bytes_[4 + shape_.groups() + slot / 8] |= static_cast<std::uint8_t>(1U << (slot % 8));
}

void Block::set_entry(std::uint32_t slot, bool has_entry) noexcept {
  std::uint8_t& byte = bytes_[4 + slot / 8];
  const auto bit = static_cast<std::uint8_t>(1U << (slot % 8));
  byte = static_cast<std::uint8_t>(has_entry ? byte | bit : byte & ~bit);
}

}  // namespace deriva::detail::graph
