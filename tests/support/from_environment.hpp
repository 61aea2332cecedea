#pragma once

#include <cstdint>
#include <cstdlib>

namespace deriva::test {

/// The number that an environment variable says, by which a run of tests is made longer or shorter.
inline std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

}  // namespace deriva::test
