#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <deriva/core/error.hpp>

namespace deriva::detail {

/// What failed below a node. Not empty.
struct Failures {
  static constexpr std::size_t most = 64;
  std::vector<Error> errors;  ///< The first ones, each address once.
  bool complete = true;       ///< Whether these are all.
};
using FailuresPtr = std::shared_ptr<const Failures>;

[[nodiscard]] FailuresPtr make_failure(const Error& error);
/// What is in either.
[[nodiscard]] FailuresPtr merge(const FailuresPtr& a, const FailuresPtr& b);
/// One error for all: the first, and if there are more, with what is said of them.
[[nodiscard]] Error summarize(const Failures& failures);

/// Of a node that the store's graph has no more: nothing tells its address.
[[nodiscard]] inline Error recipe_removed() {
  return Error(Errc::not_found, "the recipe was removed before it was computed");
}

}  // namespace deriva::detail
