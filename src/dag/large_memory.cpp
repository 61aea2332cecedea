#include <deriva/dag/detail/large_memory.hpp>

#include <sys/mman.h>

#include <cstdint>

namespace deriva::detail {

void expect_writes(void* memory, std::size_t bytes) noexcept {
#ifdef MADV_HUGEPAGE
  constexpr std::uintptr_t large_page = std::uintptr_t{2} << 20U;
  const std::uintptr_t address = reinterpret_cast<std::uintptr_t>(memory);
  const std::uintptr_t begin = (address + large_page - 1) / large_page * large_page;
  const std::uintptr_t end = (address + bytes) / large_page * large_page;
  // A hint: whether it is taken changes nothing but the time.
  if (begin < end) (void)::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#else
  (void)memory;
  (void)bytes;
#endif
}

}  // namespace deriva::detail
