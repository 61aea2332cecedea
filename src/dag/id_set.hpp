#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "dag/block.hpp"

namespace deriva::detail::graph {

/// A set of ids below a bound: a bitmap in chunks that exist only where there are members, so that a small set in a
/// large graph costs little.
class IdSet {
 public:
  static constexpr Id none = ~Id{0};

  explicit IdSet(Id bound)
      : bound_(bound),
        chunks_((std::size_t{bound} + chunk_bits - 1) / chunk_bits),
        views_(chunks_.size(), &no_members) {}

  Id bound() const noexcept { return bound_; }

  bool contains(Id id) const noexcept {
    return (((*views_[id / chunk_bits])[id % chunk_bits / 64] >> (id % 64)) & 1U) != 0;
  }
  /// Throws `Failure` for an id that is not below the bound. Returns whether it is new.
  bool insert(Id id) {
    if (id >= bound_) throw_corrupted("an edge ends at a node that does not exist");
    std::uint64_t& word = chunk_of(id)[id % chunk_bits / 64];
    const std::uint64_t bit = std::uint64_t{1} << (id % 64);
    const bool fresh = (word & bit) == 0;
    word |= bit;
    return fresh;
  }

  /// The same, if `wanted`; without a branch that depends on it.
  void insert_if(Id id, bool wanted) {
    if (id >= bound_) throw_corrupted("an edge ends at a node that does not exist");
    chunk_of(id)[id % chunk_bits / 64] |= std::uint64_t{wanted} << (id % 64);
  }

  /// Members from `id` on, one per bit.
  std::uint64_t members(Id id) const noexcept {
    const std::uint64_t low = word(id / 64) >> (id % 64);
    return id % 64 == 0 ? low : low | word(id / 64 + 1) << (64 - id % 64);
  }

  std::size_t size() const noexcept {
    std::size_t count = 0;
    for (const std::unique_ptr<Chunk>& chunk : chunks_) {
      if (!chunk) continue;
      for (const std::uint64_t word : *chunk) count += static_cast<std::size_t>(std::popcount(word));
    }
    return count;
  }

  /// The first member that is at least `id`, or `none`.
  Id at_least(Id id) const noexcept {
    std::size_t bit = id % chunk_bits;
    for (std::size_t at = id / chunk_bits; at < chunks_.size(); ++at, bit = 0) {
      if (!chunks_[at]) continue;
      for (std::size_t word = bit / 64; word < chunk_words; ++word, bit = word * 64) {
        const std::uint64_t rest = (*chunks_[at])[word] >> (bit % 64);
        if (rest != 0) return static_cast<Id>(at * chunk_bits + bit + static_cast<std::size_t>(std::countr_zero(rest)));
      }
    }
    return none;
  }
  /// The last member that is at most `id`, or `none`.
  Id at_most(Id id) const noexcept {
    std::size_t bit = id % chunk_bits;
    for (std::size_t at = id / chunk_bits + 1; at-- > 0; bit = chunk_bits - 1) {
      if (!chunks_[at]) continue;
      for (std::size_t word = bit / 64 + 1; word-- > 0; bit = word * 64 - 1) {
        const std::uint64_t rest = (*chunks_[at])[word] << (63 - bit % 64);
        if (rest != 0) return static_cast<Id>(at * chunk_bits + bit - static_cast<std::size_t>(std::countl_zero(rest)));
        if (word == 0) break;
      }
    }
    return none;
  }

 private:
  static constexpr std::size_t chunk_bits = 4'096;
  static constexpr std::size_t chunk_words = chunk_bits / 64;
  using Chunk = std::array<std::uint64_t, chunk_words>;

  std::uint64_t word(std::size_t number) const noexcept {
    const std::size_t at = number / chunk_words;
    return at < views_.size() ? (*views_[at])[number % chunk_words] : 0;
  }

  Chunk& chunk_of(Id id) {
    std::unique_ptr<Chunk>& chunk = chunks_[id / chunk_bits];
    if (!chunk) {
      chunk = std::make_unique<Chunk>();
      views_[id / chunk_bits] = chunk.get();
    }
    return *chunk;
  }

  // Whether an id is a member is not to depend on a branch that a processor cannot foresee (`dag.bfs.middle`).
  static constexpr Chunk no_members{};

  Id bound_;
  std::vector<std::unique_ptr<Chunk>> chunks_;
  std::vector<const Chunk*> views_;  // of those that do not exist: `no_members`
};

}  // namespace deriva::detail::graph
