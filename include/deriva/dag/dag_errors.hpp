#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include <deriva/core/address.hpp>
#include <deriva/core/bytes.hpp>
#include <deriva/core/error.hpp>
#include <deriva/dag/dag_view.hpp>

/// The errors that all graphs share. Keys are named by their bytes in hexadecimal.

namespace deriva::detail {

Error conflict_error(BytesView key);
Error dependents_error(BytesView key, std::uint64_t dependents);
Error cycle_error(BytesView key, std::size_t steps);
Error edge_error(BytesView input, BytesView dependent);
Error edge_count_error(std::uint64_t forward, std::uint64_t reverse);

/// The error with the key in it, where keys are addresses.
template <DagKey Key>
Error about(const Key& key, Error error) {
  if constexpr (std::is_same_v<Key, Address>) return error.with_address(key);
  return error;
}

/// `key` has an entry with other inputs.
template <DagKey Key>
Error conflict_error(const Key& key) {
  return about(key, conflict_error(key_bytes(key)));
}

/// `key` cannot be removed.
template <DagKey Key>
Error dependents_error(const Key& key, std::uint64_t dependents) {
  return about(key, dependents_error(key_bytes(key), dependents));
}

/// `path`, which is not empty, would be a cycle.
template <DagKey Key>
Error cycle_error(const std::vector<Key>& path) {
  const Error error = cycle_error(key_bytes(path.front()), path.size() - 1);
  return about(path.front(), error.with_path(std::span<const Key>(path)));
}

/// `input` does not know `dependent`.
template <DagKey Key>
Error edge_error(const Key& input, const Key& dependent) {
  return about(input, edge_error(key_bytes(input), key_bytes(dependent)));
}

/// The stored entry of `key` is damaged.
template <DagKey Key>
Error entry_size_error(const Key& key, std::size_t bytes) {
  return about(key, entry_size_error(key_bytes(key), bytes));
}

}  // namespace deriva::detail
