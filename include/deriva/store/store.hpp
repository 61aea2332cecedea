#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <deriva/core/address.hpp>
#include <deriva/core/blob.hpp>
#include <deriva/core/bytes.hpp>
#include <deriva/core/error.hpp>
#include <deriva/core/recipe.hpp>
#include <deriva/dag/persistent_dag.hpp>
#include <deriva/storage/blob_store.hpp>
#include <deriva/storage/environment.hpp>
#include <deriva/store/ledger.hpp>
#include <deriva/store/lookup.hpp>
#include <deriva/store/result_record.hpp>

namespace deriva {

class ObserverHub;

namespace detail {
class StoreAccess;
}

struct StoreOptions {
  EnvironmentOptions environment;
  BlobStoreOptions blobs;
  PersistentDagOptions dag;
  LedgerOptions ledger;
  /// Is told what happens in the store, and by those who verify results in it. Executors have an option of their own.
  /// A directory that is open in this process already tells the first one's of commits. Null: nobody.
  std::shared_ptr<ObserverHub> observers{};
};

/// Counts of what a store holds; see `Store::stats`.
struct StoreStats {
  std::uint64_t recipes = 0;
  std::uint64_t results = 0;
  std::uint64_t values = 0;       ///< Distinct values: leaves, and results too large to be kept in their record.
  std::uint64_t value_bytes = 0;  ///< Of those.
  EnvironmentStats environment;
};

/// One directory that holds recipes, the graph they form, leaves, and the results computed from them.
///
/// Thread safety: all members, from any thread; several processes may have the same store open.
/// Lifetime: a movable handle that must not be moved while others use it, and must outlive the executors on it.
/// Durability: what a `put_` function has acknowledged survives what `StoreOptions::environment.durability` says.
/// Each call is one transaction; calls at the same time share one flush to the disk.
/// Errors, besides those named: `io_error`, `disk_full`, `corrupted`, `locked` (used in the child after a fork).
class Store {
 public:
  /// Opens or creates a store. Complexity: constant, whatever it holds. Errors: as `Environment::open`.
  [[nodiscard]] static Result<Store> open(const std::filesystem::path& directory, StoreOptions options = {});

  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();

  /// Stores bytes that the host provides and returns their address. Storing them again changes nothing.
  [[nodiscard]] Result<Address> put_leaf(BytesView bytes);
  /// The same for many, in one transaction: all or none. Addresses in the order of the leaves.
  [[nodiscard]] Result<std::vector<Address>> put_leaves(std::span<const BytesView> leaves);

  /// Stores a recipe with its edges in both directions, and returns its address. Its inputs need not be known yet.
  /// Storing it again changes nothing. Errors: `invalid_argument` for a recipe that `encode` refuses.
  [[nodiscard]] Result<Address> put_recipe(const Recipe& recipe);
  /// The same for many, in one transaction: all or none. Addresses in the order of the recipes.
  [[nodiscard]] Result<std::vector<Address>> put_recipes(std::span<const Recipe> recipes);

  /// The recipe of this address, if there is one.
  [[nodiscard]] Result<std::optional<Recipe>> recipe(const Address& address) const;

  /// Removes a recipe with its result and what the ledger knows of it, in one transaction. The bytes of its value stay:
  /// others may have the same. False: there is no such recipe. An executor that has the value in memory may go on
  /// giving it. Errors: `invalid_argument`, which says how many recipes depend on it, while any does.
  Result<bool> remove(const Address& address);
  /// The same even if other recipes depend on it: it is then an input that nobody provides.
  Result<bool> force_remove(const Address& address);

  /// The bytes of a leaf, or of a recipe's stored result; nothing if there are none. Never computes. The bytes are
  /// checked against their digest. Errors: `corrupted`.
  [[nodiscard]] Result<std::optional<Blob>> value(const Address& address) const;

  /// What is recorded of a recipe's computation, if its result is stored.
  [[nodiscard]] Result<std::optional<ResultRecord>> result(const Address& address) const;

  /// What the function of a stored result asked for while it ran (`Context::materialize`), in order, each address once.
  /// Empty: nothing, or there is no such result. They are no edges of `dag()`: what follows those does not see them,
  /// except for `impact_of`, `taint` and `first_divergent`.
  [[nodiscard]] Result<std::vector<Address>> discovered_inputs(const Address& address) const;
  /// The recipes with stored results whose functions asked for this address; the other direction.
  [[nodiscard]] Result<std::vector<Address>> discovered_dependents(const Address& address) const;

  /// Stores what functions returned, each value with its record, in one transaction: all or none. A recipe that has a
  /// result keeps it: an address has one value.
  /// Errors: `not_deterministic` if a recipe already has a result with another value.
  /// `comparisons`: what was seen when the same results were computed more than once, for the ledger.
  [[nodiscard]] Result<void> put_results(std::span<const ComputedResult> results,
                                         std::span<const Comparison> comparisons = {});

  /// What is known of each address, on one snapshot; `visitor` is called once for each, in order. Does not read values.
  [[nodiscard]] Result<void> look_up(std::span<const Address> addresses, LookupVisitor visitor) const;

  /// The graph of the recipes. Reads only: recipes enter it through this store.
  [[nodiscard]] const PersistentDag<>& dag() const noexcept;

  /// What executions have shown about the determinism of the recipes.
  [[nodiscard]] Ledger& ledger() noexcept;
  [[nodiscard]] const Ledger& ledger() const noexcept;

  [[nodiscard]] Result<StoreStats> stats() const;
  [[nodiscard]] const std::filesystem::path& directory() const noexcept;
  /// Flushes what `Durability::relaxed` may still hold back.
  [[nodiscard]] Result<void> flush();

 private:
  friend class detail::StoreAccess;
  struct Impl;
  explicit Store(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deriva
