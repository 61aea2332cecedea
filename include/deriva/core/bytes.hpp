#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace deriva {

/// A read-only view of bytes that someone else owns.
using BytesView = std::span<const std::byte>;

/// Views text as bytes, without a copy. The view lives as long as the text.
[[nodiscard]] inline BytesView as_bytes(std::string_view text) noexcept {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

/// Views bytes as text, without a copy and without checking any encoding. The view lives as long as the bytes.
[[nodiscard]] inline std::string_view as_text(BytesView bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace deriva
