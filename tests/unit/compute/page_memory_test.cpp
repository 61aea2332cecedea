#include "compute/page_memory.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"

namespace deriva::test {
namespace {

using detail::BlockPool;
using detail::PageMemory;

constexpr std::size_t kib = 1'024;

std::uintptr_t number_of(const std::byte* memory) { return reinterpret_cast<std::uintptr_t>(memory); }

/// What the kernel says of the mapping that an address lies in: its flags, two letters each.
std::string flags_of_mapping(std::uintptr_t address) {
  std::ifstream maps("/proc/self/smaps");
  bool is_it = false;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    char dash = 0;
    if (std::istringstream range(line); range >> std::hex >> begin >> dash >> end && dash == '-') {
      is_it = begin <= address && address < end;
    }
    if (is_it && line.starts_with("VmFlags:")) return line;
  }
  return {};
}

TEST_CASE("page memory: pages lie in one another, or are not aligned") {
  PageMemory memory(std::make_shared<BlockPool>());
  for (int round = 0; round < 2; ++round) {
    std::vector<std::pair<std::byte*, std::size_t>> pages;
    for (std::size_t i = 0; i < 200; ++i) {
      const std::size_t bytes = i % 40 == 39 ? BlockPool::block_bytes : (i % 3 + 1) * 24 * kib;
      pages.emplace_back(memory.take(bytes), bytes);
      std::memset(pages.back().first, static_cast<int>(i), bytes);
    }
    for (std::size_t i = 0; i < pages.size(); ++i) {
      const auto [page, bytes] = pages[i];
      REQUIRE(number_of(page) % 64 == 0);
      REQUIRE(std::all_of(page, page + bytes, [&](std::byte byte) { return byte == std::byte(i); }));
    }
    memory.clear();
  }
}

TEST_CASE("page memory: what follows the first pages does not lie in large ones") {
  if (!std::filesystem::exists("/sys/kernel/mm/transparent_hugepage")) FAIL("the kernel has no large pages");
  PageMemory memory(std::make_shared<BlockPool>());
  constexpr std::size_t page = 64 * kib;
  for (std::size_t i = 0; i < 1024 * kib / page; ++i) static_cast<void>(memory.take(page));
  const std::byte* const first = memory.take(page);
  REQUIRE(number_of(first) % BlockPool::block_bytes == 0);
  REQUIRE(flags_of_mapping(number_of(first)).find(" hg") != std::string::npos);
  for (std::size_t i = 1; i < BlockPool::block_bytes / page; ++i) REQUIRE(memory.take(page) == first + i * page);
  REQUIRE(number_of(memory.take(page)) % BlockPool::block_bytes == 0);
}

}  // namespace
}  // namespace deriva::test
