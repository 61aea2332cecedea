#pragma once

#include <cstdint>

namespace bench {

/// Counts what this program asks `operator new` for, on all threads, from its making to `count`. One at a time.
class AllocationCount {
 public:
  AllocationCount() noexcept;
  AllocationCount(const AllocationCount&) = delete;
  AllocationCount& operator=(const AllocationCount&) = delete;
  ~AllocationCount();
  [[nodiscard]] std::uint64_t count() const noexcept;
};

/// Bytes of the heap in use, by what the C library says.
[[nodiscard]] std::uint64_t heap_in_use() noexcept;

}  // namespace bench
