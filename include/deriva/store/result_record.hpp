#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include <deriva/core/address.hpp>
#include <deriva/core/blob.hpp>
#include <deriva/core/digest.hpp>
#include <deriva/store/detail/cutoff_key.hpp>

namespace deriva {

/// What a store remembers of a computation, beside the value itself.
struct ResultRecord {
  Digest digest;                             ///< Of the value; its bytes are stored once per digest.
  std::uint64_t size = 0;                    ///< Of the value, in bytes.
  std::chrono::nanoseconds compute_time{0};  ///< How long the function ran.
  std::chrono::sys_time<std::chrono::nanoseconds> computed_at{};

  friend bool operator==(const ResultRecord&, const ResultRecord&) = default;
};

namespace detail {
/// What an executor knows of a result beyond the result itself.
struct ResultContext {
  std::optional<CutoffKey> cutoff;  ///< Also find the result by this.
  std::uint32_t node = no_node;     ///< Where the recipe probably is in the graph.
};
}  // namespace detail

/// A result on its way into the store.
struct ComputedResult {
  Address address;  ///< Of the recipe.
  Blob value;
  std::chrono::nanoseconds compute_time{0};
  std::chrono::sys_time<std::chrono::nanoseconds> computed_at{};
  detail::ResultContext context = {};
};

}  // namespace deriva
