#pragma once

#include <cstdint>
#include <cstring>

#include <boost/unordered/unordered_flat_map.hpp>

#include <deriva/core/address.hpp>

namespace deriva::detail {

/// Hashes all 32 bytes of an address under a seed: whoever chooses addresses cannot choose collisions.
/// Multiply and fold, as in wyhash (Wang Yi, 2019).
class AddressHash {
 public:
  using is_avalanching = void;
  explicit AddressHash(std::uint64_t seed = 0) noexcept : seed_(seed) {}

  std::size_t operator()(const Address& address) const noexcept {
    std::uint64_t words[4];
    std::memcpy(words, address.bytes().data(), sizeof(words));
    return fold(fold(words[0] ^ seed_ ^ 0xa0761d6478bd642fULL, words[1] ^ 0xe7037ed1a0b428dbULL) ^
                    (words[2] ^ seed_ ^ 0x8ebc6af09c88c6e3ULL),
                words[3] ^ 0x589965cc75374cc3ULL);
  }

 private:
  static std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
  }
  std::uint64_t seed_;
};

template <class T>
using AddressMap = boost::unordered_flat_map<Address, T, AddressHash>;

}  // namespace deriva::detail
