#include "compute/sample.hpp"

#include <algorithm>
#include <random>
#include <span>
#include <utility>

#include "compute/address_index.hpp"
#include "storage/posix.hpp"

namespace deriva::detail {

/// A `std::random_device` asks the processor what it can do, which takes 50 us in a virtual machine: more than all the
/// rest of making an executor.
std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  if (random_bytes(std::as_writable_bytes(std::span(&seed, 1)))) return seed;
  std::random_device device;
  return (std::uint64_t{device()} << 32U) | device();
}

double draw(const Address& address, std::uint64_t seed) noexcept {
  return static_cast<double>(AddressHash(seed)(address) >> 11U) * 0x1p-53;
}

void Sample::offer(const Address& address) {
  const double drawn = draw(address, seed_);
  if (drawn >= fraction_) return;
  if (count_ == 0) {
    all_.push_back(address);
    return;
  }
  if (heap_.size() == count_) {
    if (drawn >= heap_.front().draw) return;
    std::pop_heap(heap_.begin(), heap_.end());
    heap_.pop_back();
  }
  heap_.push_back({drawn, address});
  std::push_heap(heap_.begin(), heap_.end());
}

std::vector<Address> Sample::take() && {
  std::sort_heap(heap_.begin(), heap_.end());
  for (const Drawn& drawn : heap_) all_.push_back(drawn.address);
  return std::move(all_);
}

}  // namespace deriva::detail
