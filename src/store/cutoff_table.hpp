#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include <deriva/core/bytes.hpp>
#include <deriva/core/digest.hpp>
#include <deriva/core/error.hpp>
#include <deriva/storage/table.hpp>
#include <deriva/store/detail/cutoff_key.hpp>

#include "store/stored_result.hpp"

namespace deriva::detail {

/// The key of a computation: its function's number, its params as a recipe's payload has them, and the digests of its
/// inputs' values in order.
[[nodiscard]] CutoffKey cutoff_key(std::uint32_t function, BytesView params, std::span<const Digest> inputs);

/// The results of computations by their keys: finds the value of a recipe that was never computed when one that differs
/// from it only in how its inputs were made was (early cutoff). Thread safety: all members, from any thread.
class CutoffTable {
 public:
  [[nodiscard]] static Result<CutoffTable> open(Environment& environment);

  /// Throws `Failure`: `corrupted`. The value is a view as that of a table.
  [[nodiscard]] Result<std::optional<StoredResult>> find(const ReadTransaction& transaction,
                                                         const CutoffKey& key) const;
  /// The first result of a key stays. `result`: encoded.
  [[nodiscard]] Result<void> insert(WriteTransaction& transaction, const CutoffKey& key, BytesView result) const;

 private:
  using Table = deriva::Table<CutoffKey, BytesView>;
  explicit CutoffTable(Table table) noexcept : table_(table) {}

  Table table_;
};

}  // namespace deriva::detail
