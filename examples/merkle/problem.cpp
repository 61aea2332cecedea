#include "problem.hpp"

#include <algorithm>
#include <system_error>

namespace merkle {

std::string system_reason(int error_number) { return std::generic_category().message(error_number); }

std::string printable(std::string_view path) {
  const auto is_special = [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == '"' || c == '\\';
  };
  if (std::none_of(path.begin(), path.end(), is_special)) return std::string(path);
  std::string quoted = "\"";
  for (const char c : path) {
    if (!is_special(c)) {
      quoted += c;
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (c == '"' || c == '\\') {
      quoted += {'\\', c};
    } else {
      const auto value = static_cast<unsigned char>(c);
      quoted += {'\\', static_cast<char>('0' + (value >> 6U)), static_cast<char>('0' + ((value >> 3U) & 7U)),
                 static_cast<char>('0' + (value & 7U))};
    }
  }
  return quoted + '"';
}

}  // namespace merkle
