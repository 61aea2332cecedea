#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <deriva/core/address.hpp>
#include <deriva/core/blob.hpp>
#include <deriva/core/bytes.hpp>
#include <deriva/core/error.hpp>
#include <deriva/core/params.hpp>
#include <deriva/core/recipe.hpp>
#include <deriva/storage/blob_store.hpp>
#include <deriva/storage/function_ref.hpp>
#include <deriva/store/store.hpp>

#include "dag/graph_view.hpp"
#include "store/recipe_block.hpp"
#include "store/stored_result.hpp"

namespace deriva::detail {

/// A store as one snapshot sees it, node by node: what planning asks, without a look-up by address at every step.
///
/// Made by `read`; used by the thread and for the time of that call. Views end with it.
/// Errors: `corrupted`, besides those named. `find`, `address` and `look_up` throw them as `Failure`, which `read`
/// returns.
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
    bool has_recipe = false;
    bool evicted = false;                      ///< It was computed before, and its value is gone.
    std::uint64_t size = 0;                    ///< Of the stored value, in bytes.
    std::chrono::nanoseconds compute_time{0};  ///< As recorded; 0: never computed.
    // Of whatever has a recipe, also when its result is stored:
    std::uint32_t function = 0;  ///< See `function`.
    BytesView params;            ///< Encoded, or empty; see `decode_params`.
    std::span<const Id> inputs;  ///< In order, with repetitions. Valid until the next call.
  };

  StoreReader(const Store& store, const ReadTransaction& transaction, graph::GraphView& graph);
  StoreReader(const StoreReader&) = delete;
  StoreReader& operator=(const StoreReader&) = delete;
  ~StoreReader() = default;

  /// Grows when ids change their meaning (the graph was compacted). An id may be kept as long as it does not.
  [[nodiscard]] std::uint64_t numbering() const noexcept { return graph_.state().generation; }
  /// Ids are below this.
  [[nodiscard]] Id end() const noexcept { return graph_.state().next; }
  /// Nothing: no recipe has this address, nor this address among its inputs. It may be that of a leaf all the same.
  [[nodiscard]] std::optional<Id> find(const Address& address) { return graph_.find(address.bytes()); }
  [[nodiscard]] Address address(Id id) {
    std::array<std::byte, Address::size_bytes> bytes;
    std::memcpy(bytes.data(), graph_.key_at(id), bytes.size());
    return Address(bytes);
  }
  /// The same; zeros if the graph is damaged there, which looking the node up will tell.
  [[nodiscard]] Address address_or_none(Id id) noexcept;

  /// Does not check that the recipe is the one of its address: `recipe` does. Errors, thrown: `invalid_argument` when
  /// there is no such node.
  [[nodiscard]] Answer look_up(Id id);
  /// The same; appends the inputs to `inputs`, and leaves those of the answer empty.
  [[nodiscard]] Answer look_up(Id id, std::vector<Id>& inputs);

  /// How ids are divided into blocks.
  [[nodiscard]] const graph::BlockShape& shape() const noexcept { return graph_.shape(); }
  /// Decodes a block that has nodes. False: it is damaged, or has no recipes, or so many results that most are to be
  /// looked up by themselves.
  [[nodiscard]] bool decode(std::uint32_t number, RecipeBlock& block);

  /// Calls `visit(Id)` for each dependent, each once, until it returns false. Throws as `look_up`.
  template <class Visit>
  void for_each_dependent(Id id, Visit&& visit) {
    graph_.for_each_dependent(id, visit);
  }

  /// The function of a number, which means the same one for ever; lives as long as the store.
  [[nodiscard]] Result<const FunctionId*> function(std::uint32_t number);
  /// Checked against its address. Complexity: linear in the size of the recipe.
  [[nodiscard]] Result<std::optional<Recipe>> recipe(Id id);
  /// What is recorded of a computation. The value, if it is inline, is valid for the snapshot.
  [[nodiscard]] Result<std::optional<StoredResult>> result(Id id);
  /// The digest of a node's value: of a result, or of what is no recipe as if it were a leaf. Nothing: not recorded.
  [[nodiscard]] Result<std::optional<Digest>> digest(Id id);

  /// Whether any result can be found by the values of inputs.
  [[nodiscard]] Result<bool> has_cutoffs();
  struct Cutoff {
    Address recipe;  ///< Which has the result.
    StoredResult result;
  };
  /// The result of a recipe with the same function and params, and inputs of these values, if its value is stored and
  /// it did not diverge. Requires: `id` is a recipe's.
  [[nodiscard]] Result<std::optional<Cutoff>> find_cutoff(Id id, std::span<const Digest> inputs);

  /// The value of a leaf or a result, if it is stored: to be read and checked with `load`, after the snapshot.
  [[nodiscard]] Result<std::optional<StoredBlob>> value(Id id);
  [[nodiscard]] Result<std::optional<StoredBlob>> value(const StoredResult& result);
  [[nodiscard]] Result<std::optional<StoredBlob>> leaf(const Address& address);
  /// Its size, without reading it. Nothing: it is not stored.
  [[nodiscard]] Result<std::optional<std::uint64_t>> size(const StoredResult& result);
  [[nodiscard]] Result<std::optional<std::uint64_t>> leaf_size(const Address& address);

 private:
  std::optional<StoredResult> stored_result(Id id);
  /// A block of the graph, found once for those of its nodes that are asked for in a row.
  struct OpenBlock {
    std::uint32_t number = ~std::uint32_t{0};
    graph::BlockView lists;
    std::optional<graph::PayloadView> payloads;
    std::uint32_t group = ~std::uint32_t{0};  ///< Eight neighbours, of which one was asked for last.
    bool has_starts = false;
    std::array<const std::uint8_t*, 8> starts;  ///< Of their lists, once another one was asked for.
  };
  OpenBlock& open(std::uint32_t number) {
    OpenBlock& block = open_[number % open_.size()];
    if (block.number != number) fill(block, number);
    return block;
  }
  void fill(OpenBlock& block, std::uint32_t number);
  static graph::EncodedList list(OpenBlock& block, std::uint32_t slot);
  void decode_lists(RecipeBlock& block, std::uint32_t number, const graph::PayloadView& payloads);
  void describe(Id id, OpenBlock& block, std::uint32_t slot, Answer& answer, std::vector<Id>& inputs);

  const Store& store_;
  const ReadTransaction& transaction_;
  graph::GraphView& graph_;
  std::array<OpenBlock, 8> open_;  ///< By number.
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

/// Params as `StoreReader::Answer` has them, into the memory of others. Errors: `corrupted`.
[[nodiscard]] Result<void> decode_params(BytesView encoded, Params& out);

}  // namespace deriva::detail
