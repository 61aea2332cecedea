#pragma once

#include <utility>

#include <deriva/core/error.hpp>

namespace deriva::detail {

/// How an error leaves the depths of a layer that would have to pass it up at every step. Thrown and caught inside it;
/// its interface returns `Result`.
struct Failure {
  Error error;
};

[[noreturn]] void throw_corrupted(const char* what);

/// The value, or throws the error.
template <class Out>
Out or_throw(Result<Out> result) {
  if (!result) throw Failure{std::move(result).error()};
  return *std::move(result);
}

/// Calls `operation()` and turns a `Failure` into its error.
template <class Out, class Operation>
Result<Out> guarded(Operation&& operation) {
  try {
    return std::forward<Operation>(operation)();
  } catch (Failure& failure) {
    return std::move(failure.error);
  }
}

}  // namespace deriva::detail
