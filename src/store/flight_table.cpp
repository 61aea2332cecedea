#include "store/flight_table.hpp"

#include <utility>

namespace deriva::detail {

void FlightTable::enlist(const OwnerPtr& owner) {
  const std::lock_guard one_by_one(enlisting_);
  OwnerPtr alone;
  {
    const std::lock_guard lock(mutex_);
    if (owners_.size() == 1) alone = owners_.front();
    owners_.push_back(owner);
    is_shared_.store(owners_.size() > 1, std::memory_order_release);
  }
  if (alone) alone->declare_flights();
}

void FlightTable::dismiss(const Owner& owner) {
  const std::lock_guard lock(mutex_);
  std::erase_if(owners_, [&](const OwnerPtr& one) { return one.get() == &owner; });
  dismissed_.fetch_add(1, std::memory_order_release);  // Before it is said that nobody is left.
  if (owners_.size() > 1) {
    boost::unordered::erase_if(flights_, [&](const auto& flight) { return flight.second.owner.get() == &owner; });
  } else {
    is_shared_.store(false, std::memory_order_release);
    flights_.clear();
  }
}

FlightTable::OwnerPtr FlightTable::begin(const Address& address, const OwnerPtr& owner, const OwnerPtr& given_up) {
  const std::lock_guard lock(mutex_);
  if (!is_shared()) return nullptr;
  Flight& flight = flights_.try_emplace(address, Flight{owner}).first->second;
  if (given_up && flight.owner == given_up) flight = Flight{owner};
  return flight.owner == owner ? nullptr : flight.owner;
}

/// If it is the owner's.
FlightTable::Flight* FlightTable::find(const Address& address, const Owner& owner) {
  const auto flight = flights_.find(address);
  return flight != flights_.end() && flight->second.owner.get() == &owner ? &flight->second : nullptr;
}

void FlightTable::land(const Address& address, const Owner& owner, std::chrono::nanoseconds compute_time) {
  const std::lock_guard lock(mutex_);
  if (Flight* const flight = find(address, owner)) flight->compute_time = compute_time;
}

std::optional<std::chrono::nanoseconds> FlightTable::compute_time(const Address& address) const {
  const std::lock_guard lock(mutex_);
  const auto flight = flights_.find(address);
  return flight == flights_.end() ? std::nullopt : flight->second.compute_time;
}

void FlightTable::end(const Address& address, const Owner& owner) {
  const std::lock_guard lock(mutex_);
  if (find(address, owner) != nullptr) flights_.erase(address);
}

std::size_t FlightTable::size() const {
  const std::lock_guard lock(mutex_);
  return flights_.size();
}

}  // namespace deriva::detail
