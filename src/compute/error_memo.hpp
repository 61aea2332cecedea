#pragma once

#include <cstddef>
#include <deque>

#include <boost/unordered/unordered_flat_map.hpp>

#include <deriva/core/address.hpp>
#include <deriva/core/error.hpp>

namespace deriva::detail {

/// The last failures that would only happen again, by recipe. A recipe names the version of its function, so another
/// version is another entry.
class ErrorMemo {
 public:
  explicit ErrorMemo(std::size_t most) : most_(most) {}

  /// Keeps an `ErrorClass::deterministic` error, in the place of the oldest one if there is no room.
  void keep(const Address& recipe, const Error& error);
  [[nodiscard]] bool empty() const noexcept { return errors_.empty(); }
  /// Null: none is known. Valid until the next call of `keep`.
  [[nodiscard]] const Error* find(const Address& recipe) const;

 private:
  std::size_t most_;
  boost::unordered_flat_map<Address, Error, std::hash<Address>> errors_;
  std::deque<Address> order_;  ///< The oldest first.
};

}  // namespace deriva::detail
