#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <deriva/core/bytes.hpp>

namespace deriva::detail::graph {

/// SipHash-1-3, keyed with a secret of the file: nobody can choose keys that collide.
class KeyHash {
 public:
  explicit KeyHash(std::array<std::uint64_t, 2> seed) noexcept : seed_(seed) {}

  std::uint32_t operator()(BytesView key) const noexcept { return folded(wide(key)); }
  static std::uint32_t folded(std::uint64_t hash) noexcept { return static_cast<std::uint32_t>(hash ^ hash >> 32U); }

  std::uint64_t wide(BytesView key) const noexcept {
    Lanes lanes{seed_[0] ^ 0x736f6d6570736575U, seed_[1] ^ 0x646f72616e646f6dU, seed_[0] ^ 0x6c7967656e657261U,
                seed_[1] ^ 0x7465646279746573U};
    std::size_t at = 0;
    for (; at + 8 <= key.size(); at += 8) lanes.absorb(load(key.data() + at, 8));
    lanes.absorb(load(key.data() + at, key.size() - at) | std::uint64_t{key.size()} << 56U);
    lanes.c ^= 0xffU;
    for (int i = 0; i < 3; ++i) lanes.round();
    return lanes.a ^ lanes.b ^ lanes.c ^ lanes.d;
  }

 private:
  struct Lanes {
    std::uint64_t a, b, c, d;

    void absorb(std::uint64_t word) noexcept {
      d ^= word;
      round();
      a ^= word;
    }
    void round() noexcept {
      a += b, b = std::rotl(b, 13) ^ a, a = std::rotl(a, 32);
      c += d, d = std::rotl(d, 16) ^ c;
      a += d, d = std::rotl(d, 21) ^ a;
      c += b, b = std::rotl(b, 17) ^ c, c = std::rotl(c, 32);
    }
  };

  static std::uint64_t load(const std::byte* at, std::size_t size) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, at, size);
    return word;
  }

  std::array<std::uint64_t, 2> seed_;
};

/// What tells one entry from another, from the wide hashes of its key and its inputs in order. The sum over all entries
/// is kept in the state: damage that leaves all tables in agreement, as in the unmerged end of the log, changes it.
class EntryDigest {
 public:
  explicit EntryDigest(std::uint64_t key) noexcept : digest_(key) {}
  void add(std::uint64_t input) noexcept {
    digest_ = (std::rotl(digest_, 23) ^ input) * 0x9e3779b97f4a7c15U;
    digest_ ^= digest_ >> 29U;
  }
  std::uint64_t value() const noexcept { return digest_; }

 private:
  std::uint64_t digest_;
};

}  // namespace deriva::detail::graph
