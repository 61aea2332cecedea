#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include <deriva/core/address.hpp>

namespace deriva::detail {

/// Which recipes the executors of a store are computing: if there are several, each recipe is computed by one of them.
/// What one executor alone has under way is known to nobody else, and costs nothing.
///
/// Thread safety: any thread. Calls nothing under its lock but `declare_flights`, under one of its own.
class FlightTable {
 public:
  /// An executor.
  class Owner {
   public:
    Owner() = default;
    Owner(const Owner&) = delete;
    Owner& operator=(const Owner&) = delete;
    /// Begins all flights that it has under way: from now on there are others.
    virtual void declare_flights() = 0;

   protected:
    ~Owner() = default;
  };
  using OwnerPtr = std::shared_ptr<Owner>;

  /// Returns when those who were alone have declared what they have under way.
  void enlist(const OwnerPtr& owner);
  /// What it has under way is nobody's.
  void dismiss(const Owner& owner);
  /// Whether there are several owners: if not, nobody has to tell of flights.
  [[nodiscard]] bool is_shared() const noexcept { return is_shared_.load(std::memory_order_acquire); }

  /// How many owners have been dismissed: what they stored may not be known to those who looked before.
  [[nodiscard]] std::uint64_t dismissed() const noexcept { return dismissed_.load(std::memory_order_acquire); }
  /// Null: the flight is the caller's, until it ends it. Else whose it is. `given_up`: an owner that is known not to go
  /// on with it.
  [[nodiscard]] OwnerPtr begin(const Address& address, const OwnerPtr& owner, const OwnerPtr& given_up = nullptr);
  /// The owner has its value, which is not stored yet, and which took so long to compute.
  void land(const Address& address, const Owner& owner, std::chrono::nanoseconds compute_time);
  /// Nothing: it is over, or has not come to a value.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> compute_time(const Address& address) const;
  /// The next one begins afresh. Does nothing if it is not the owner's.
  void end(const Address& address, const Owner& owner);
  [[nodiscard]] std::size_t size() const;

 private:
  struct Flight {
    OwnerPtr owner;
    std::optional<std::chrono::nanoseconds> compute_time{};
  };
  Flight* find(const Address& address, const Owner& owner);

  std::mutex enlisting_;  ///< So that the second one waits for what the first one waits for.
  mutable std::mutex mutex_;
  std::vector<OwnerPtr> owners_;
  boost::unordered_flat_map<Address, Flight, std::hash<Address>> flights_;
  std::atomic<bool> is_shared_{false};
  std::atomic<std::uint64_t> dismissed_{0};
};

}  // namespace deriva::detail
