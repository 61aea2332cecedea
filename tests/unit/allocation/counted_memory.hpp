#pragma once

#include <cstddef>

namespace deriva::test {

/// Bytes that the program has asked of the allocator and not given back, on all threads. It is linked with
/// counted_memory.cpp, which replaces the allocator.
[[nodiscard]] std::size_t allocated_bytes() noexcept;

}  // namespace deriva::test
