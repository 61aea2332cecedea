#include "core/random.hpp"

#include <random>

#include <sys/random.h>

namespace deriva::detail {

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  if (::getrandom(&seed, sizeof(seed), 0) == sizeof(seed)) return seed;
  std::random_device device;  // The system has no such call.
  return (std::uint64_t{device()} << 32U) | device();
}

}  // namespace deriva::detail
