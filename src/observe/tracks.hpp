#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <deriva/core/event.hpp>

namespace deriva::detail {

/// Where slices of time are drawn: each thread has a track, and further ones for what overlaps there, as coroutine
/// functions do.
class Tracks {
 public:
  struct Place {
    std::uint32_t lane;  ///< 0 for the thread's own track.
    bool is_new;
  };

  /// The first track of the thread on which the slice overlaps no other, except those that it encloses. Slices come in
  /// the order of their ends.
  Place place(std::uint32_t thread, event::Time start, event::Time end) {
    constexpr std::size_t remembered = 16;
    const auto fits = [&](const Lane& lane) {
      return std::all_of(lane.begin(), lane.end(),
                         [&](const auto& one) { return one.second <= start || one.first >= start; });
    };
    std::vector<Lane>& of_thread = lanes_[thread];
    const auto found = std::find_if(of_thread.begin(), of_thread.end(), fits);
    const Place place = {static_cast<std::uint32_t>(found - of_thread.begin()), found == of_thread.end()};
    if (place.is_new) of_thread.emplace_back();
    Lane& lane = of_thread[place.lane];
    lane.emplace_back(start, end);
    if (lane.size() > remembered) lane.pop_front();
    return place;
  }

  [[nodiscard]] static std::string name(std::uint32_t thread, std::uint32_t lane) {
    std::string text = "thread " + std::to_string(thread);
    if (lane > 0) text += ", overlapping " + std::to_string(lane);
    return text;
  }

 private:
  using Lane = std::deque<std::pair<event::Time, event::Time>>;  ///< The last slices, in the order of their ends.
  std::map<std::uint32_t, std::vector<Lane>> lanes_;
};

}  // namespace deriva::detail
