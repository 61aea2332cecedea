#include "compute/failures.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <deriva/core/address.hpp>

namespace deriva::detail {

FailuresPtr make_failure(const Error& error) { return std::make_shared<const Failures>(Failures{{error}, true}); }

FailuresPtr merge(const FailuresPtr& a, const FailuresPtr& b) {
  if (a == b) return a;
  Failures both = *a;
  both.complete = a->complete && b->complete;
  for (const Error& error : b->errors) {
    const auto is_it = [&](const Error& other) {
      return other.address() != nullptr && error.address() != nullptr && *other.address() == *error.address();
    };
    if (std::any_of(both.errors.begin(), both.errors.end(), is_it)) continue;
    if (both.errors.size() == Failures::most) {
      both.complete = false;
      break;
    }
    both.errors.push_back(error);
  }
  return std::make_shared<const Failures>(std::move(both));
}

Error summarize(const Failures& failures) {
  const Error& first = failures.errors.front();
  if (failures.errors.size() == 1) return first;
  std::string others =
      fmt::format("; and {}{} others failed:", failures.complete ? "" : "more than ", failures.errors.size() - 1);
  for (std::size_t i = 1; i < failures.errors.size(); ++i) others += " " + failures.errors[i].message() + ";";
  others.back() = '.';
  return first.with_note(std::move(others)).with_class(ErrorClass::unknown);
}

}  // namespace deriva::detail
