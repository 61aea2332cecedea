#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace deriva::detail {

/// Appends the text as a JSON string, with its quotes. Bytes that are not valid UTF-8 become U+FFFD.
void append_json(std::string& out, std::string_view text);

/// Appends the first 12 digits of an address-like text, as a JSON string: short enough to read, long enough to find.
inline std::string_view brief(std::string_view hex) { return hex.substr(0, 12); }

}  // namespace deriva::detail
