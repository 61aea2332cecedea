#include "dag/payload_block.hpp"

#include <algorithm>

namespace deriva::detail::graph {

PayloadBlock::PayloadBlock(const BlockShape& shape)
    : shape_(shape), bytes_(2 * std::size_t{shape.nodes()} + shape.groups()) {}

PayloadBlock::PayloadBlock(const BlockShape& shape, BytesView bytes)
    : shape_(shape), bytes_(bytes.begin(), bytes.end()) {}

bool PayloadBlock::set(std::uint32_t slot, BytesView payload) {
  const bool outside = payload.size() > max_inline_payload_bytes;
  const BytesView inside = outside ? BytesView() : payload;
  const BytesView before = view().at(slot);
  const auto at = bytes_.begin() + (before.data() - bytes_.data());
  const auto kept = static_cast<std::ptrdiff_t>(std::min(before.size(), inside.size()));
  const auto growth = static_cast<std::ptrdiff_t>(inside.size()) - static_cast<std::ptrdiff_t>(before.size());
  std::copy_n(inside.begin(), kept, at);
  if (growth > 0) {
    bytes_.insert(at + kept, inside.begin() + kept, inside.end());
  } else {
    bytes_.erase(at + kept, at + kept - growth);
  }
  for (std::size_t later = slot; later < shape_.nodes(); ++later) {
    std::uint16_t end = 0;
    std::memcpy(&end, bytes_.data() + 2 * later, sizeof(end));
    end = static_cast<std::uint16_t>(end + growth);
    std::memcpy(bytes_.data() + 2 * later, &end, sizeof(end));
  }
  std::byte& flags = bytes_[2 * std::size_t{shape_.nodes()} + slot / 8];
  const std::byte flag{static_cast<unsigned char>(1U << (slot % 8))};
  flags = outside ? flags | flag : flags & ~flag;
  return !outside;
}

}  // namespace deriva::detail::graph
