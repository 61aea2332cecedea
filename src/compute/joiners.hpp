#pragma once

#include <cstdint>
#include <utility>

#include <boost/unordered/unordered_flat_map.hpp>

namespace deriva::detail {

/// Which requests joined which flights that others had brought in: each counts once, however many ways lead to the
/// flight. Complexity: constant, and linear in its joiners when a flight is forgotten.
class Joiners {
 public:
  /// Returns whether it is the first time. Requires: a request other than 0.
  bool add(std::uint32_t flight, std::uint64_t request) {
    const auto [entry, is_new] = before_.try_emplace({flight, request}, 0);
    if (is_new) entry->second = std::exchange(last_[flight], request);
    return is_new;
  }
  /// Requires: it was joined.
  void forget(std::uint32_t flight) {
    const auto last = last_.find(flight);
    for (std::uint64_t request = last->second; request != 0;) {
      const auto entry = before_.find({flight, request});
      request = entry->second;
      before_.erase(entry);
    }
    last_.erase(last);
  }

 private:
  boost::unordered_flat_map<std::uint32_t, std::uint64_t> last_;  ///< That joined it, and of each
  boost::unordered_flat_map<std::pair<std::uint32_t, std::uint64_t>, std::uint64_t> before_;  ///< the one before.
};

}  // namespace deriva::detail
