#include "storage/checksum.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace deriva::detail {

std::uint64_t checksum(BytesView bytes, std::uint64_t seed) noexcept {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace deriva::detail
