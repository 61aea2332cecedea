#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ranges>
#include <span>
#include <tuple>
#include <type_traits>

#include <deriva/core/bytes.hpp>
#include <deriva/core/error.hpp>

namespace deriva {

/// What can name a node of a graph: 8 to 64 bytes that can be copied bytewise, without padding, so that two keys are
/// equal exactly when their bytes are.
template <class T>
concept DagKey = std::is_trivially_copyable_v<T> && std::has_unique_object_representations_v<T> &&
                     std::is_default_constructible_v<T> && std::equality_comparable<T> && sizeof(T) >= 8 &&
                 sizeof(T) <= 64;

/// The neighbours of a node in both directions: all that a traversal needs.
///
/// `for_each_input(key, visitor)` visits the inputs of `key` in order, repeated ones as often as they occur, and says
/// whether `key` has an entry of its own. `for_each_dependent(key, visitor)` visits each direct dependent once, in an
/// order that depends on the graph alone. A visitor takes a key and returns whether to go on.
template <class T>
concept DagView = requires(const T& view, const typename T::key_type& key,
                           bool (*visitor)(const typename T::key_type&)) {
  requires DagKey<typename T::key_type>;
  { view.for_each_input(key, visitor) } -> std::same_as<Result<bool>>;
  { view.for_each_dependent(key, visitor) } -> std::same_as<Result<void>>;
};

/// What a visitor of keys is: returns false to end the visit.
template <class T, class Key>
concept KeyVisitor = std::is_invocable_r_v<bool, T&, const Key&>;

/// Pairs of a key and a contiguous range of its inputs, readable more than once.
template <class T, class Key>
concept DagEntryRange = std::ranges::forward_range<const T> && requires(std::ranges::range_reference_t<const T> entry) {
  { std::get<0>(entry) } -> std::convertible_to<const Key&>;
  { std::get<1>(entry) } -> std::convertible_to<std::span<const Key>>;
};

namespace detail {

/// Mixes all bytes of a key: keys need not be digests.
template <DagKey Key>
struct KeyHash {
  using is_avalanching = void;  // for boost::unordered: no second mixing

  std::size_t operator()(const Key& key) const noexcept {
    constexpr std::size_t words = (sizeof(Key) + 7) / 8;
    std::array<std::uint64_t, words> parts{};
    std::memcpy(parts.data(), &key, sizeof(Key));
    std::uint64_t hash = 0x9e3779b97f4a7c15U;
    for (const std::uint64_t part : parts) {
      hash = (hash ^ part) * 0xff51afd7ed558ccdU;
      hash ^= hash >> 32U;
    }
    hash *= 0xc4ceb9fe1a85ec53U;
    return static_cast<std::size_t>(hash ^ (hash >> 29U));
  }
};

/// The order of LMDB: by bytes.
template <DagKey Key>
struct KeyLess {
  bool operator()(const Key& a, const Key& b) const noexcept { return std::memcmp(&a, &b, sizeof(Key)) < 0; }
};

template <DagKey Key>
BytesView key_bytes(const Key& key) noexcept {
  return std::as_bytes(std::span(&key, 1));
}

}  // namespace detail
}  // namespace deriva
