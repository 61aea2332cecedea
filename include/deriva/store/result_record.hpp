#pragma once

#include <chrono>
#include <cstdint>

#include <deriva/core/address.hpp>
#include <deriva/core/blob.hpp>
#include <deriva/core/digest.hpp>

namespace deriva {

/// What a store remembers of a computation, beside the value itself.
struct ResultRecord {
  Digest digest;                             ///< Of the value; its bytes are stored once per digest.
  std::uint64_t size = 0;                    ///< Of the value, in bytes.
  std::chrono::nanoseconds compute_time{0};  ///< How long the function ran.
  std::chrono::sys_time<std::chrono::nanoseconds> computed_at{};

  friend bool operator==(const ResultRecord&, const ResultRecord&) = default;
};

/// A result on its way into the store.
struct ComputedResult {
  Address address;  ///< Of the recipe.
  Blob value;
  std::chrono::nanoseconds compute_time{0};
  std::chrono::sys_time<std::chrono::nanoseconds> computed_at{};
};

}  // namespace deriva
