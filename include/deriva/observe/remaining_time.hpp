#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <deriva/core/address.hpp>
#include <deriva/core/event.hpp>

namespace deriva {

/// Something that has to be computed.
struct PlannedWork {
  Address address;
  std::string function;         ///< "name/version": what is known of one run of it is expected of the next.
  std::vector<Address> inputs;  ///< Those that are not planned are there already.
};

/// Predicts when planned work is done: whichever is longer, the longest path of what is left, or all that is left
/// divided by those who work.
/// Thread safety: none.
class RemainingTime {
 public:
  using Duration = std::chrono::nanoseconds;

  explicit RemainingTime(std::size_t concurrency);
  RemainingTime(RemainingTime&&) noexcept;
  RemainingTime& operator=(RemainingTime&&) noexcept;
  ~RemainingTime();

  /// Adds work, inputs before what needs them; what was planned before stays. Complexity: linear.
  void plan(std::span<const PlannedWork> work);
  void started(const Address& address, event::Time when);
  /// It ended, and took so long: its function's next run is expected to take about as long.
  void finished(const Address& address, const std::string& function, Duration took);
  /// It ended without running.
  void skipped(const Address& address);
  /// Forgets the plan, and keeps what is known of functions.
  void clear();

  /// Nothing while a function is planned of which no run is known. Complexity: the functions and what runs; linear when
  /// what is known of a function has changed by a quarter.
  [[nodiscard]] std::optional<Duration> estimate(event::Time now);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deriva
