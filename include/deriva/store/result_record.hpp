#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

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

namespace detail {
/// A node that is not known.
inline constexpr std::uint32_t no_node = ~std::uint32_t{0};

/// What an executor knows of a result beyond the result itself.
struct ResultContext {
  std::uint32_t node = no_node;          ///< Where the recipe probably is in the graph.
  bool by_inputs = false;                ///< Also find the result by the values of the recipe's inputs.
  std::vector<Address> discovered = {};  ///< What the function asked for while it ran.
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
