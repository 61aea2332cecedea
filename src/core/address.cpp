#include <deriva/core/address.hpp>

#include <ostream>
#include <string>

#include "core/hex.hpp"

namespace deriva {

Result<Address> Address::parse(std::string_view hex64) {
  std::array<std::byte, size_bytes> bytes{};
  constexpr std::size_t digits = 2 * size_bytes;
  for (std::size_t i = 0; i < digits; ++i) {
    if (i == hex64.size()) {
      return Error(Errc::malformed, "an address has 64 hexadecimal digits, not " + std::to_string(hex64.size()))
          .with_offset(i);
    }
    const int value = detail::hex_digit(hex64[i]);
    if (value < 0) return Error(Errc::malformed, "not a hexadecimal digit in an address").with_offset(i);
    bytes[i / 2] = bytes[i / 2] << 4U | static_cast<std::byte>(value);
  }
  if (hex64.size() > digits) {
    return Error(Errc::malformed, "an address has 64 hexadecimal digits, not " + std::to_string(hex64.size()))
        .with_offset(digits);
  }
  return Address(bytes);
}

std::string Address::to_string() const { return detail::to_hex(bytes_); }

std::ostream& operator<<(std::ostream& out, const Address& address) { return out << address.to_string(); }

}  // namespace deriva
