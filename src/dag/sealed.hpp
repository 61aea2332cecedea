#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <deriva/core/bytes.hpp>

#include "storage/table_access.hpp"

namespace deriva::detail::graph {

// All functions: linear in the bytes; safe from any thread, for bytes that nobody changes meanwhile.

/// What a value of the log or of the near edges is.
enum class Part : std::uint8_t { addresses, inputs, near, payloads, list, payload, record };

/// A checksum in front of what is stored: LMDB has none. It depends on the place as well, so that sound bytes in the
/// wrong place are found out, too. Not against an adversary: XXH3.
struct Seal {
  std::uint64_t log;  ///< `GraphState::log`
  Part part;
  std::uint32_t number;  ///< of the block, or the id

  /// Bytes that it takes.
  static constexpr std::size_t size = 8;

  std::uint64_t of(BytesView contents) const noexcept;
};

/// What was sealed: a view into `stored`. `Failure` with `corrupted` unless it is as it was.
BytesView unseal(BytesView stored, const Seal& seal);
/// The same, unchecked: constant. `Failure` with `corrupted` if there is no room for a seal.
BytesView sealed_contents(BytesView stored);

/// Writes the seal and a copy of the contents. Requires: `room` has `Seal::size` bytes more than `contents`.
void seal_into(std::span<std::byte> room, const Seal& seal, BytesView contents);
/// The same as a value of a table, under `key`; replaces what was there. `Failure`: as `put`.
void put_sealed(WriteTransaction& transaction, MDB_dbi table, std::uint64_t key, const Seal& seal, BytesView contents,
                Place place = Place::anywhere);

}  // namespace deriva::detail::graph
