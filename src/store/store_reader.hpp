#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include <deriva/core/address.hpp>
#include <deriva/core/blob.hpp>
#include <deriva/core/bytes.hpp>
#include <deriva/core/error.hpp>
#include <deriva/core/params.hpp>
#include <deriva/core/recipe.hpp>
#include <deriva/dag/detail/graph_engine.hpp>
#include <deriva/storage/blob_store.hpp>
#include <deriva/storage/function_ref.hpp>
#include <deriva/store/store.hpp>

#include "dag/graph_view.hpp"

namespace deriva::detail {

/// A store as one snapshot sees it, node by node: what planning asks, without a look-up by address at every step.
///
/// Made by `read`; used by the thread and for the time of that call. Views end with it.
/// Errors: `corrupted`. `find` and `address` throw them as `Failure`, which `read` returns.
class StoreReader {
 public:
  /// A node of the graph: dense, inputs below their dependents unless recipes were stored after what refers to them.
  using Id = graph::Id;

  enum class Known : std::uint8_t {
    nothing,  ///< neither a value nor a recipe
    stored,   ///< a leaf, or a result with its value
    recipe,   ///< to be computed
  };

  struct Answer {
    Known known = Known::nothing;
    bool is_leaf = false;
    bool evicted = false;                      ///< It was computed before, and its value is gone.
    std::uint64_t size = 0;                    ///< Of the stored value, in bytes.
    std::chrono::nanoseconds compute_time{0};  ///< As recorded; 0: never computed.
    // Of whatever has a recipe, also when its result is stored:
    std::uint32_t function = 0;  ///< See `function`.
    BytesView params;            ///< Encoded; see `decode_params`.
    std::span<const Id> inputs;  ///< In order, with repetitions. Valid until the next call.
  };

  StoreReader(const Store& store, const ReadTransaction& transaction, graph::GraphView& graph);
  StoreReader(const StoreReader&) = delete;
  StoreReader& operator=(const StoreReader&) = delete;
  ~StoreReader();

  /// Changes when ids change their meaning (the graph was compacted). An id may be kept as long as it does not.
  [[nodiscard]] std::uint64_t numbering() const noexcept { return graph_.state().generation; }
  /// Ids are below this.
  [[nodiscard]] Id end() const noexcept { return graph_.state().next; }
  /// Nothing: no recipe has this address, nor this address among its inputs. It may be that of a leaf all the same.
  [[nodiscard]] std::optional<Id> find(const Address& address);
  [[nodiscard]] Address address(Id id);

  /// Does not check that the recipe is the one of its address: `recipe` does. Errors: `invalid_argument` when there is
  /// no such node.
  [[nodiscard]] Result<Answer> look_up(Id id);

  /// The function of this number. A number means the same function for ever; the reference lives as long as the store.
  [[nodiscard]] Result<const FunctionId*> function(std::uint32_t number);
  /// Checked against its address.
  [[nodiscard]] Result<std::optional<Recipe>> recipe(Id id);
  /// The value of a leaf or a result, if it is stored: to be read and checked with `load`, after the snapshot.
  [[nodiscard]] Result<std::optional<StoredBlob>> value(Id id);

 private:
  const Store& store_;
  const ReadTransaction& transaction_;
  graph::GraphView& graph_;
  std::vector<Id> inputs_;
};

[[nodiscard]] Result<void> read_erased(const Store& store, FunctionRef<Result<void>(StoreReader&)> operation);

/// Calls `use_reader(StoreReader&)`, which returns nothing or a `Result<void>`, on one snapshot. Requires: as
/// `Environment::read`.
template <class UseReader>
Result<void> read(const Store& store, UseReader&& use_reader) {
  auto operation = [&](StoreReader& reader) -> Result<void> {
    if constexpr (std::is_void_v<std::invoke_result_t<UseReader&, StoreReader&>>) {
      use_reader(reader);
      return {};
    } else {
      return use_reader(reader);
    }
  };
  return read_erased(store, operation);
}

/// The bytes of a value that a reader found, checked against their digest. Outside of any snapshot.
[[nodiscard]] Result<Blob> load(const Store& store, StoredBlob value);

/// Params as `StoreReader::Answer` has them. Errors: `corrupted`.
[[nodiscard]] Result<Params> decode_params(BytesView encoded);

}  // namespace deriva::detail
