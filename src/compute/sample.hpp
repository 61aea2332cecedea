#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <deriva/core/address.hpp>
#include <deriva/core/error.hpp>
#include <deriva/store/store.hpp>

namespace deriva::detail {

/// Uniform in [0, 1): a keyed hash of the address, so that a choice can be repeated from its seed, and addresses chosen
/// by an adversary do not choose it.
[[nodiscard]] double draw(const Address& address, std::uint64_t seed) noexcept;

/// Collects addresses by chance: those whose draw is below `fraction`; if `count` is not 0, of these at most so many,
/// the ones with the lowest draws. Memory: linear in what is chosen.
class Sample {
 public:
  Sample(double fraction, std::size_t count, std::uint64_t seed) noexcept
      : fraction_(fraction), count_(count), seed_(seed) {}

  void offer(const Address& address);
  /// What was chosen, in the order of the draws if there is a limit, else in the order of the offers.
  [[nodiscard]] std::vector<Address> take() &&;

 private:
  struct Drawn {
    double draw;
    Address address;
    friend bool operator<(const Drawn& a, const Drawn& b) noexcept { return a.draw < b.draw; }
  };
  double fraction_;
  std::size_t count_;
  std::uint64_t seed_;
  std::vector<Drawn> heap_;  // The highest draw first, while there is a limit.
  std::vector<Address> all_;
};

}  // namespace deriva::detail
