#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include <deriva/core/address.hpp>
#include <deriva/core/blob.hpp>

#include "compute/address_index.hpp"

namespace deriva::detail {

/// Values by address, within a budget of bytes; the one used longest ago goes first.
///
/// Thread safety: any thread; one lock, held for a lookup. Complexity: constant.
class ResultCache {
 public:
  /// Charged for each entry beside its bytes: its slot, its share of the index at a mean load, the blob's block.
  static constexpr std::size_t entry_bytes = 192;

  ResultCache(std::size_t capacity_bytes, std::uint64_t hash_seed)
      : capacity_(capacity_bytes), index_(0, AddressHash(hash_seed)) {}

  [[nodiscard]] std::optional<Blob> get(const Address& address);
  /// Puts a value in front. One that does not fit alone is not kept (and neither is an earlier one of its address).
  void put(const Address& address, Blob value);

  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  /// Bytes charged now: never above the capacity.
  [[nodiscard]] std::size_t bytes() const;
  [[nodiscard]] std::size_t size() const;

 private:
  using Slot = std::uint32_t;
  static constexpr Slot none = ~Slot{0};
  struct Entry {
    Address address;
    Blob value;
    Slot newer = none;
    Slot older = none;
  };

  void unlink(Slot slot);
  void push_front(Slot slot);
  void erase(Slot slot);

  mutable std::mutex mutex_;
  const std::size_t capacity_;
  std::size_t bytes_ = 0;
  AddressMap<Slot> index_;
  std::vector<Entry> entries_;
  std::vector<Slot> unused_;
  Slot newest_ = none;
  Slot oldest_ = none;
};

}  // namespace deriva::detail
