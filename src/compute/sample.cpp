#include "compute/sample.hpp"

#include <algorithm>
#include <utility>

#include "compute/address_index.hpp"

namespace deriva::detail {

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
