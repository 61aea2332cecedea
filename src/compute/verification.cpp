#include "compute/verification.hpp"

#include <utility>

#include <fmt/format.h>

#include "compute/comparison.hpp"

namespace deriva::detail {

void Verification::add(Result<Blob> execution) {
  const bool passes = is_inconclusive(execution);
  if (passes && !error_) error_ = execution.error();
  if (!first_) {
    first_ = std::move(execution);
    return;
  }
  if (passes || is_inconclusive(*first_)) return;
  if (!*first_ && !execution) {
    if (error_) return;
    const Error& first = first_->error();
    error_ =
        Error(first.code(), fmt::format("{}; and when run again: {}", first.message(), execution.error().message()))
            .with_class(first.error_class() == execution.error().error_class() ? first.error_class()
                                                                               : ErrorClass::unknown)
            .with_address(address_)
            .with_function(*function_);
    return;
  }
  if (!first_execution_) first_execution_ = execution_of(*first_);
  comparisons_.push_back(compare(address_, *first_execution_, *first_, execution, seed_));
  if (comparisons_.back().agrees() || is_violated_) return;
  error_ = violation(comparisons_.back(), *function_);
  is_violated_ = true;
}

}  // namespace deriva::detail
