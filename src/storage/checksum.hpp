#pragma once

#include <cstdint>

#include <deriva/core/bytes.hpp>

namespace deriva::detail {

/// XXH3, 64 bits; its value is part of the formats. Not against an adversary. Complexity: linear.
std::uint64_t checksum(BytesView bytes, std::uint64_t seed) noexcept;

}  // namespace deriva::detail
