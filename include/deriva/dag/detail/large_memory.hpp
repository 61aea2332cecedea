#pragma once

#include <cstddef>

namespace deriva::detail {

/// Tells the system that all of this memory, which nothing has touched yet, is about to be written: with large pages
/// where it has them. The pages of an answer of a million keys cost several times what finding the keys costs, one
/// fault for each 4 KiB. Does nothing for small memory. Thread safety: yes.
void expect_writes(void* memory, std::size_t bytes) noexcept;

}  // namespace deriva::detail
