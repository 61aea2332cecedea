#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include <deriva/core/address.hpp>
#include <deriva/core/blob.hpp>

namespace deriva::detail {

/// A value in the cache, with the links of the index and of the policy.
struct CacheEntry {
  static constexpr std::uint8_t one_use = 16;  ///< Uses are counted in sixteenths, as they are halved with time.
  static constexpr std::uint8_t most_uses = 15 * one_use;
  static constexpr std::uint8_t no_queue = 255;

  CacheEntry(const Address& of, std::size_t hash_of, Blob bytes, float cost_ns, std::size_t charged) noexcept
      : hash(hash_of), address(of), value(std::move(bytes)), charge(charged), cost(cost_ns) {}

  /// Of memory, without the replicas.
  [[nodiscard]] std::size_t bytes() const noexcept { return sizeof(CacheEntry) + value.held_bytes(); }

  // What is looked at, or changed, when another one is added: side by side.
  CacheEntry* next_in_bucket = nullptr;
  const std::size_t hash;
  CacheEntry* newer = nullptr;
  CacheEntry* older = nullptr;
  const Address address;
  const Blob value;
  std::unique_ptr<Blob[]> replicas;  ///< One for each lane of readers, if several of them want it; else null.
  double priority = 0;               ///< Smallest goes first.
  std::size_t charge;                ///< Bytes of the budget.
  float cost;                        ///< Nanoseconds to have it again.
  std::uint32_t generation = 0;      ///< Of the policy, when `uses` was last halved.
  std::uint32_t pins = 0;
  std::atomic<std::uint8_t> uses{0};           ///< Lately; readers count without a lock.
  std::atomic<std::uint8_t> last_lane{0};      ///< That read it.
  std::atomic<std::uint8_t> lane_switches{0};  ///< How often another lane was the next to read it.
  std::uint8_t queue = no_queue;
};

}  // namespace deriva::detail
