#include "allocation/counted_memory.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> allocated{0};
constexpr std::size_t header = 64;  // Keeps the size, and the alignment of everything in use here.

void* counted(std::size_t size) {
  auto* memory = static_cast<std::byte*>(std::aligned_alloc(header, (size + 2 * header - 1) / header * header));
  if (memory == nullptr) throw std::bad_alloc();
  new (memory) std::size_t(size);
  allocated += size;
  return memory + header;
}

void uncounted(void* memory) noexcept {
  if (memory == nullptr) return;
  auto* const start = static_cast<std::byte*>(memory) - header;
  allocated -= *std::launder(reinterpret_cast<std::size_t*>(start));
  std::free(start);
}

}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new(std::size_t size, std::align_val_t) { return counted(size); }
void operator delete(void* memory) noexcept { uncounted(memory); }
void operator delete(void* memory, std::size_t) noexcept { uncounted(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { uncounted(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { uncounted(memory); }

namespace deriva::test {

std::size_t allocated_bytes() noexcept { return allocated; }

}  // namespace deriva::test
