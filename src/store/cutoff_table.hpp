#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <deriva/core/address.hpp>
#include <deriva/core/bytes.hpp>
#include <deriva/core/digest.hpp>
#include <deriva/core/error.hpp>
#include <deriva/storage/table.hpp>

#include "dag/graph_view.hpp"

namespace deriva::detail {

/// Names a computation by what goes into it, and not by where that came from: the function, the params, and the digests
/// of the inputs' values. Two recipes with the same key have the same value, however their inputs were made.
struct CutoffKey {
  std::array<std::byte, 24> bytes{};  ///< The first ones of a SHA-256: 96 bits against collisions that are sought.

  friend bool operator==(const CutoffKey&, const CutoffKey&) = default;
};

/// The key of a computation: its function's number, its params as a recipe's payload has them, and the digests of its
/// inputs' values in order.
[[nodiscard]] CutoffKey cutoff_key(std::uint32_t function, BytesView params, std::span<const Digest> inputs);

/// The digest of a node's value, if it is recorded. An input that is no recipe is taken for a leaf, which its address
/// is the digest of. Throws `Failure`.
[[nodiscard]] std::optional<Digest> value_digest(graph::GraphView& graph, graph::Id id);

/// The key of a recipe's computation. Nothing: the graph has no recipe there, or the value of an input is not recorded.
/// Throws `Failure`.
[[nodiscard]] std::optional<CutoffKey> cutoff_key_of(graph::GraphView& graph, graph::Id id);

/// A recipe that has the result of a computation.
struct CutoffEntry {
  Address recipe;
  std::array<std::byte, 8> check;  ///< The first bytes of the value's digest when the entry was made.

  CutoffEntry() = default;
  CutoffEntry(const Address& of, const Digest& value) noexcept;
  /// Whether a result of the recipe is still the one that the entry was made for.
  [[nodiscard]] bool matches(const Digest& value) const noexcept;
  friend bool operator==(const CutoffEntry&, const CutoffEntry&) = default;
};

/// Recipes by the keys of their computations: finds the value of a recipe that was never computed when one that differs
/// from it only in how its inputs were made was (early cutoff). What an entry names may be gone: whoever finds one
/// looks. Thread safety: all members, from any thread.
class CutoffTable {
 public:
  [[nodiscard]] static Result<CutoffTable> open(Environment& environment);

  [[nodiscard]] Result<bool> empty(const ReadTransaction& transaction) const;
  [[nodiscard]] Result<std::optional<CutoffEntry>> find(const ReadTransaction& transaction, const CutoffKey& key) const;
  Result<void> put(WriteTransaction& transaction, const CutoffKey& key, const CutoffEntry& entry) const;
  /// Removes the entry of the key if it names this recipe.
  Result<void> erase(WriteTransaction& transaction, const CutoffKey& key, const Address& recipe) const;

 private:
  using Table = deriva::Table<CutoffKey, CutoffEntry>;
  explicit CutoffTable(Table table) noexcept : table_(table) {}

  Table table_;
};

}  // namespace deriva::detail
