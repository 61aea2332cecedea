#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "storage/failure.hpp"

namespace deriva::detail::graph {

/// Seven bits per byte, least significant first; the last byte is below 128.
inline std::uint32_t read_varint(const std::uint8_t*& at, const std::uint8_t* end) {
  std::uint32_t value = 0;
  for (unsigned shift = 0; shift < 35 && at != end; shift += 7) {
    const std::uint8_t byte = *at++;
    value |= static_cast<std::uint32_t>(byte & 0x7fU) << shift;
    if (byte < 0x80U) return value;
  }
  throw_corrupted("a number in a block has no end");
}

inline void write_varint(std::vector<std::uint8_t>& out, std::uint32_t value) {
  for (; value >= 0x80U; value >>= 7U) out.push_back(static_cast<std::uint8_t>(value | 0x80U));
  out.push_back(static_cast<std::uint8_t>(value));
}

/// Small numbers of either sign become small numbers: 0, -1, 1, -2 are 0, 1, 2, 3.
constexpr std::uint32_t zigzag(std::int32_t value) noexcept {
  return (static_cast<std::uint32_t>(value) << 1U) ^ static_cast<std::uint32_t>(value >> 31);
}

constexpr std::int32_t unzigzag(std::uint32_t value) noexcept {
  return static_cast<std::int32_t>((value >> 1U) ^ (0U - (value & 1U)));
}

}  // namespace deriva::detail::graph
