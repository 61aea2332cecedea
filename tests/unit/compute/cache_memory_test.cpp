// The bytes that the cache says it has are those that were asked of the allocator: counted here, in a program of its
// own.

#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>
#include <random>
#include <string>

#include "compute/result_cache.hpp"
#include "support/catch.hpp"

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
namespace {

using detail::ResultCache;

Address named(std::uint32_t number) { return Address::of_leaf(as_bytes(std::to_string(number))); }

/// A blob of each kind there is.
Blob make_blob(std::size_t size, std::uint32_t kind) {
  if (kind == 0) return Blob::copy_of(std::string(size, 'x'));
  if (kind == 1) return Blob::adopt(std::string(size, 'x'));
  if (kind == 2) return Blob::copy_of(std::string(size, 'x')).replica();
  std::vector<std::byte> bytes;
  bytes.reserve(2 * size);
  bytes.resize(size);
  return Blob::adopt(std::move(bytes));
}

TEST_CASE("result cache: its bytes are those of the allocator, to the byte, whatever is done to it") {
  const std::size_t capacity = GENERATE(std::size_t{20'000}, std::size_t{3} << 20U);
  std::mt19937 random(1);
  const std::size_t before = allocated;
  {
    ResultCache cache(capacity, 1, 4);
    std::size_t wrong = 0;
    for (int i = 0; i < 20'000; ++i) {
      const Address address = named(static_cast<std::uint32_t>(random() % 3'000));
      switch (random() % 8) {
        case 0:
          cache.erase(address);
          break;
        case 1:
          static_cast<void>(cache.get(address));
          break;
        default:
          cache.put(address, make_blob(random() % 2'000, static_cast<std::uint32_t>(random() % 4)),
                    std::chrono::nanoseconds(random() % 100'000));
      }
      if (allocated - before != cache.bytes()) ++wrong;
    }
    REQUIRE(wrong == 0);
    REQUIRE(cache.stats().evictions > 0);
  }
  REQUIRE(allocated == before);
}

}  // namespace
}  // namespace deriva::test
