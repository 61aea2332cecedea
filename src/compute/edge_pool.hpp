#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include <deriva/core/bytes.hpp>

#include "compute/page_memory.hpp"
#include "compute/slab.hpp"

namespace deriva::detail {

/// An input of a node. As long as the input is not available, the edge is on the list of the input's dependents.
struct Edge {
  std::uint32_t input;
  std::uint32_t dependent;
  std::uint32_t next;  ///< On that list.
  std::uint32_t previous;
};

/// Edges in runs: those of one node lie one after the other, and behind them its params, if it has any. Runs that were
/// given back are used again for the same length (rounded up to a power of two above eight edges).
class EdgePool {
 public:
  /// The longest run. The inputs and the params of a recipe take less, by the limits of its encoding.
  static constexpr std::uint32_t longest = 1U << 16U;

  explicit EdgePool(PageMemory& memory) noexcept : memory_(memory) { unused_.fill(none); }

  Edge& operator[](std::uint32_t edge) noexcept {
    return *reinterpret_cast<Edge*>(origins_[edge / page] + std::uintptr_t{edge} * sizeof(Edge));
  }
  /// A whole run, by its first edge.
  Edge* run(std::uint32_t first) noexcept { return &(*this)[first]; }

  /// How long a run of so many edges and so many bytes of params is.
  static constexpr std::uint32_t length_of(std::uint32_t edges, std::size_t bytes) noexcept {
    return bytes == 0 ? edges : edges + static_cast<std::uint32_t>((sizeof(Size) + bytes - 1) / sizeof(Edge) + 1);
  }
  static void put_params(Edge* run, std::uint32_t edges, BytesView params) noexcept {
    auto* const behind = reinterpret_cast<std::byte*>(run + edges);
    const auto size = static_cast<Size>(params.size());
    std::memcpy(behind, &size, sizeof(size));
    std::memcpy(behind + sizeof(size), params.data(), params.size());
  }
  /// Requires: it has some.
  static BytesView params_of(const Edge* run, std::uint32_t edges) noexcept {
    const auto* const behind = reinterpret_cast<const std::byte*>(run + edges);
    Size size = 0;
    std::memcpy(&size, behind, sizeof(size));
    return {behind + sizeof(size), size};
  }

  /// The first edge of a run. Requires: 0 < length <= longest.
  std::uint32_t take(std::uint32_t count) {
    const std::size_t size_class = class_of(count);
    const std::uint32_t run = unused_[size_class];
    if (run != none) {
      unused_[size_class] = (*this)[run].next;
      return run;
    }
    const std::uint32_t size = size_of(size_class);
    if (size > left_) add_block((size + page - 1) / page);
    left_ -= size;
    return std::exchange(end_, end_ + size);
  }
  void give_back(std::uint32_t first, std::uint32_t count) {
    std::uint32_t& head = unused_[class_of(count)];
    (*this)[first].next = head;
    head = first;
  }
  /// The memory is the owner's to clear.
  void clear() noexcept {
    std::exchange(origins_, decltype(origins_)());
    unused_.fill(none);
    end_ = left_ = 0;
  }

 private:
  using Size = std::uint32_t;

  static constexpr std::uint32_t page = 1U << 12U;
  static constexpr std::size_t exact = 8;
  static constexpr std::size_t classes = exact + std::bit_width(longest / exact) - 1;

  static std::size_t class_of(std::uint32_t count) noexcept {
    return count <= exact ? count - 1 : exact + std::bit_width((count - 1) / exact) - 1;
  }
  static std::uint32_t size_of(std::size_t size_class) noexcept {
    return static_cast<std::uint32_t>(size_class < exact ? size_class + 1 : exact << (size_class - exact + 1));
  }

  /// Of so many pages, one behind the other. What was left of the last one is given up.
  [[gnu::noinline]] void add_block(std::uint32_t count) {
    const std::byte* const block = memory_.take(std::size_t{count} * page * sizeof(Edge));
    const auto first = static_cast<std::uint32_t>(origins_.size()) * page;
    origins_.insert(origins_.end(), count,
                    reinterpret_cast<std::uintptr_t>(block) - std::uintptr_t{first} * sizeof(Edge));
    end_ = first;
    left_ = count * page;
  }

  PageMemory& memory_;
  std::vector<std::uintptr_t> origins_;  ///< Of each page: where edge 0 would lie, as in `Slab`.
  std::array<std::uint32_t, classes> unused_{};
  std::uint32_t end_ = 0;
  std::uint32_t left_ = 0;  ///< Of the last block.
};

}  // namespace deriva::detail
