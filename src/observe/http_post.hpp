#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace deriva::detail {

struct HttpTarget {
  std::string host;
  std::uint16_t port = 0;
  std::string path;
  std::chrono::milliseconds timeout{};
};

/// Sends a JSON body; what went wrong, or nothing if the answer's status is one of 200 to 299. Blocks up to the
/// timeout.
[[nodiscard]] std::string http_post_json(const HttpTarget& target, const std::string& body);

}  // namespace deriva::detail
