#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace deriva::detail {

/// The upper bounds of a histogram's buckets, ascending, in the unit that is counted: nanoseconds, bytes, recipes. All
/// histograms have as many. Finds a bucket without a search, [observe.metrics.event].
class Bounds {
 public:
  static constexpr std::size_t count = 16;
  using Upper = std::array<std::uint64_t, count>;

  constexpr explicit Bounds(const Upper& upper) noexcept : upper_(upper) {
    for (std::size_t bits = 0; bits < first_.size(); ++bits) {
      const std::uint64_t least = bits == 0 ? 0 : std::uint64_t{1} << (bits - 1);
      while (first_[bits] < count && upper[first_[bits]] < least) ++first_[bits];
    }
  }

  [[nodiscard]] constexpr std::uint64_t operator[](std::size_t bucket) const noexcept { return upper_[bucket]; }

  /// The first bucket whose bound is not below the value; `count` if all are.
  [[nodiscard]] constexpr std::size_t bucket_of(std::uint64_t value) const noexcept {
    std::size_t bucket = first_[static_cast<std::size_t>(std::bit_width(value))];
    while (bucket < count && upper_[bucket] < value) ++bucket;
    return bucket;
  }

 private:
  Upper upper_;
  std::array<std::uint8_t, 65> first_{};  ///< Of the smallest value with so many bits.
};

inline constexpr Bounds duration_bounds({1'000, 10'000, 100'000, 500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000,
                                         25'000'000, 50'000'000, 100'000'000, 250'000'000, 500'000'000, 1'000'000'000,
                                         5'000'000'000, 30'000'000'000});
inline constexpr Bounds size_bounds({64, 256, 1'024, 4'096, 16'384, 65'536, 262'144, 1'048'576, 1U << 22U, 1U << 24U,
                                     1U << 26U, 1U << 28U, 1U << 30U, 1ULL << 32U, 1ULL << 34U, 1ULL << 36U});
inline constexpr Bounds depth_bounds({1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 300, 1'000, 3'000, 10'000, 100'000,
                                      1'000'000});

}  // namespace deriva::detail
