#pragma once

#include <array>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <functional>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>

#include <deriva/core/bytes.hpp>
#include <deriva/core/digest.hpp>
#include <deriva/core/error.hpp>

namespace deriva {

/// 32 bytes that name a leaf or a recipe. A leaf's address is the SHA-256 of its bytes; a recipe's is the SHA-512/256
/// of its canonical encoding. A default-constructed address is all zeros and names nothing.
class Address {
 public:
  static constexpr std::size_t size_bytes = 32;

  constexpr Address() noexcept = default;
  constexpr explicit Address(const std::array<std::byte, size_bytes>& bytes) noexcept : bytes_(bytes) {}

  /// The address of these bytes as a leaf: what `sha256sum` prints.
  [[nodiscard]] static Address of_leaf(BytesView bytes) { return of_leaf(Digest::of(bytes)); }
  /// The address of a leaf whose digest is known.
  template <std::same_as<Digest> KnownDigest>  // Deduced, so that `{}` is no bytes and nothing else.
  [[nodiscard]] static Address of_leaf(const KnownDigest& digest) noexcept {
    return Address(digest.bytes);
  }
  /// Reads 64 hexadecimal digits of either case. Errors: `Errc::malformed` with the offset of the first wrong one.
  [[nodiscard]] static Result<Address> parse(std::string_view hex64);

  /// 64 lower-case hexadecimal digits.
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] std::span<const std::byte, size_bytes> bytes() const noexcept { return bytes_; }

  friend auto operator<=>(const Address&, const Address&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Address& address);

 private:
  std::array<std::byte, size_bytes> bytes_{};
};

}  // namespace deriva

/// The first eight bytes: addresses are already uniformly distributed. A table that an adversary may fill with chosen
/// addresses needs a keyed hash.
template <>
struct std::hash<deriva::Address> {
  std::size_t operator()(const deriva::Address& address) const noexcept {
    std::size_t value = 0;
    std::memcpy(&value, address.bytes().data(), sizeof(value));
    return value;
  }
};
