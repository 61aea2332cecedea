#include "observe/bounds.hpp"

#include <cstdint>
#include <limits>

#include "support/catch.hpp"

namespace deriva::detail {
namespace {

std::size_t searched(const Bounds& bounds, std::uint64_t value) {
  std::size_t bucket = 0;
  while (bucket < Bounds::count && bounds[bucket] < value) ++bucket;
  return bucket;
}

TEST_CASE("bounds: a value is in the first bucket whose bound is not below it") {
  for (const Bounds& bounds : {duration_bounds, size_bounds, depth_bounds}) {
    for (std::size_t i = 0; i < Bounds::count; ++i) {
      for (const std::uint64_t value : {bounds[i] - 1, bounds[i], bounds[i] + 1}) {
        INFO(value);
        CHECK(bounds.bucket_of(value) == searched(bounds, value));
      }
      CHECK(bounds.bucket_of(bounds[i]) == i);
    }
    for (unsigned bits = 0; bits < 64; ++bits) {
      for (const std::uint64_t value : {(std::uint64_t{1} << bits) - 1, std::uint64_t{1} << bits}) {
        INFO(value);
        CHECK(bounds.bucket_of(value) == searched(bounds, value));
      }
    }
    CHECK(bounds.bucket_of(0) == 0);
    CHECK(bounds.bucket_of(std::numeric_limits<std::uint64_t>::max()) == Bounds::count);
  }
}

}  // namespace
}  // namespace deriva::detail
