#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include <deriva/core/bytes.hpp>
#include <deriva/core/error.hpp>

/// The primitives of the canonical encodings (docs/storage-format.md, "Primitives").
namespace deriva::detail {

/// Maps small magnitudes of either sign to small numbers: 0, -1, 1, -2 to 0, 1, 2, 3.
[[nodiscard]] constexpr std::uint64_t zigzag(std::int64_t value) noexcept {
  return (static_cast<std::uint64_t>(value) << 1U) ^ static_cast<std::uint64_t>(value >> 63);
}

[[nodiscard]] constexpr std::int64_t unzigzag(std::uint64_t value) noexcept {
  return static_cast<std::int64_t>((value >> 1U) ^ (0 - (value & 1U)));
}

/// How many bytes the minimal varint of the value has: 1 to 10.
[[nodiscard]] constexpr std::size_t varint_size(std::uint64_t value) noexcept {
  return (static_cast<std::size_t>(std::bit_width(value | 1U)) + 6) / 7;
}

/// Writes into memory that the caller has measured; checks nothing.
class ByteWriter {
 public:
  explicit ByteWriter(std::byte* out) noexcept : out_(out) {}

  void byte(std::uint8_t value) noexcept { *out_++ = static_cast<std::byte>(value); }
  void varint(std::uint64_t value) noexcept {
    for (; value >= 0x80U; value >>= 7U) byte(static_cast<std::uint8_t>(value | 0x80U));
    byte(static_cast<std::uint8_t>(value));
  }
  void fixed64(std::uint64_t value) noexcept {
    for (unsigned shift = 0; shift < 64; shift += 8) byte(static_cast<std::uint8_t>(value >> shift));
  }
  void raw(BytesView bytes) noexcept {
    if (!bytes.empty()) std::memcpy(out_, bytes.data(), bytes.size());
    out_ += bytes.size();
  }
  void sized(BytesView bytes) noexcept {
    varint(bytes.size());
    raw(bytes);
  }

 private:
  std::byte* out_;
};

/// Reads untrusted bytes. Every member returns whether it succeeded; after a failure `error()` says what was wrong
/// where, and the reader must not be used further.
class ByteReader {
 public:
  explicit ByteReader(BytesView bytes) noexcept : bytes_(bytes) {}

  [[nodiscard]] std::size_t position() const noexcept { return position_; }
  [[nodiscard]] std::size_t remaining() const noexcept { return bytes_.size() - position_; }
  [[nodiscard]] Error error() const { return Error(Errc::malformed, problem_).with_offset(problem_offset_); }

  bool fail_at(std::size_t offset, const char* problem) noexcept {
    problem_ = problem;
    problem_offset_ = offset;
    return false;
  }

  [[nodiscard]] bool byte(std::uint8_t& value) noexcept {
    if (remaining() == 0) return fail_at(position_, "the bytes end too early");
    value = std::to_integer<std::uint8_t>(bytes_[position_++]);
    return true;
  }

  /// Reads the byte if it is this one.
  [[nodiscard]] bool take(std::uint8_t value) noexcept {
    if (remaining() == 0 || bytes_[position_] != std::byte{value}) return false;
    ++position_;
    return true;
  }

  [[nodiscard]] bool varint(std::uint64_t& value) noexcept {
    if (position_ < bytes_.size() && std::to_integer<std::uint8_t>(bytes_[position_]) < 0x80U) {  // Most of them.
      value = std::to_integer<std::uint8_t>(bytes_[position_++]);
      return true;
    }
    return long_varint(value);
  }

  [[nodiscard]] bool fixed64(std::uint64_t& value) noexcept {
    BytesView bytes;
    if (!raw(8, bytes)) return false;
    value = 0;
    for (std::size_t i = 8; i-- > 0;) value = value << 8U | std::to_integer<std::uint64_t>(bytes[i]);
    return true;
  }

  [[nodiscard]] bool raw(std::size_t size, BytesView& bytes) noexcept {
    if (size > remaining()) return fail_at(bytes_.size(), "the bytes end too early");
    bytes = bytes_.subspan(position_, size);
    position_ += size;
    return true;
  }

  /// A count of things of which each takes at least `least_size` bytes (known when this is compiled: to divide by it
  /// would take longer than the rest), while at least `owed` bytes are needed after
  /// them. A count of more than the remaining bytes can hold is wrong at its first byte.
  template <std::size_t least_size>
  [[nodiscard]] bool count(std::size_t& value, std::size_t owed = 0) noexcept {
    const std::size_t start = position_;
    std::uint64_t number = 0;
    if (!varint(number)) return false;
    const std::size_t free = remaining() > owed ? remaining() - owed : 0;
    if (number > free / least_size) {
      return fail_at(start, "a length or count of more than there is");
    }
    value = static_cast<std::size_t>(number);
    return true;
  }

  /// A length, then as many bytes. The view is into the bytes that are read.
  [[nodiscard]] bool sized(BytesView& bytes) noexcept {
    std::size_t size = 0;
    return count<1>(size) && raw(size, bytes);
  }

  /// A length of at most `most_bytes`, then as many bytes.
  [[nodiscard]] bool name(std::string_view& text, std::size_t most_bytes) noexcept {
    const std::size_t start = position_;
    BytesView bytes;
    if (!sized(bytes)) return false;
    if (bytes.size() > most_bytes) return fail_at(start, "a name that is too long");
    text = as_text(bytes);
    return true;
  }
  [[nodiscard]] bool name(std::string& text, std::size_t most_bytes) {
    std::string_view view;
    if (!name(view, most_bytes)) return false;
    text = view;
    return true;
  }

 private:
  [[nodiscard]] bool long_varint(std::uint64_t& value) noexcept {
    value = 0;
    for (unsigned shift = 0;; shift += 7) {
      std::uint8_t digit = 0;
      if (!byte(digit)) return false;
      if (shift == 63 && digit > 1) return fail_at(position_ - 1, "a number of more than 64 bits");
      value |= static_cast<std::uint64_t>(digit & 0x7FU) << shift;
      if ((digit & 0x80U) != 0) continue;
      if (digit == 0 && shift != 0) return fail_at(position_ - 1, "a number longer than it needs to be");
      return true;
    }
  }

  BytesView bytes_;
  std::size_t position_ = 0;
  const char* problem_ = "";
  std::size_t problem_offset_ = 0;
};

}  // namespace deriva::detail
