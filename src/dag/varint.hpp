#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "storage/failure.hpp"

namespace deriva::detail::graph {

/// Seven bits per byte, least significant first; the last byte is below 128. Most are one byte (executor.empty.chain).
inline std::uint32_t read_varint(const std::uint8_t*& at, const std::uint8_t* end) {
  if (at != end && *at < 0x80U) return *at++;
  std::uint32_t value = 0;
  for (unsigned shift = 0; shift < 35 && at != end; shift += 7) {
    const std::uint8_t byte = *at++;
    value |= static_cast<std::uint32_t>(byte & 0x7fU) << shift;
    if (byte < 0x80U) return value;
  }
  throw_corrupted("a number in a block has no end");
}

/// The same for numbers of any length, which a processor cannot foresee: eight bytes at a time, without branches that
/// depend on the length. `dag.bfs.middle`.
inline std::uint32_t read_any_varint(const std::uint8_t*& at, const std::uint8_t* end) {
  std::uint64_t word = 0;
  if (end - at < static_cast<std::ptrdiff_t>(sizeof(word))) return read_varint(at, end);
  std::memcpy(&word, at, sizeof(word));
  const std::uint64_t last = ~word & 0x8080808080U;  // of the first five bytes, those that end a number
  if (last == 0) throw_corrupted("a number in a block has no end");
  const auto bit = static_cast<unsigned>(std::countr_zero(last));  // 7, 15, 23, 31 or 39
  at += bit / 8 + 1;
  word &= (std::uint64_t{2} << bit) - 1;
  return static_cast<std::uint32_t>((word & 0x7fU) | (word >> 1U & 0x3f80U) | (word >> 2U & 0x1fc000U) |
                                    (word >> 3U & 0xfe00000U) | (word >> 4U & 0xf0000000U));
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
