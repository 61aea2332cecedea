#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <deriva/core/bytes.hpp>
#include <deriva/core/error.hpp>
#include <deriva/dag/dag_stats.hpp>
#include <deriva/storage/environment.hpp>
#include <deriva/storage/function_ref.hpp>
#include <deriva/storage/transaction.hpp>

namespace deriva::detail {

namespace graph {
class GraphView;
class Writer;
}  // namespace graph

/// Called with the bytes of a key; returns whether to go on.
using KeyBytesVisitor = FunctionRef<bool(const std::byte* key)>;
/// Keys one after the other, and a bitmap of those that are meant; none behind the last one is.
struct KeyBlock {
  const std::byte* keys;
  const std::uint64_t* members;
  std::uint32_t count;
};
using KeyBlockVisitor = FunctionRef<bool(const KeyBlock&)>;
/// An entry to insert: its key, the keys of its inputs one after the other, and what belongs to it for as long as it
/// exists: bytes that mean nothing to the graph.
struct EntryBytes {
  BytesView key;
  BytesView inputs;
  BytesView payload = {};
};
/// Stores the next entry and returns true, or returns false at the end.
using EntrySource = FunctionRef<bool(EntryBytes&)>;

/// A graph as one transaction sees it; lives for the length of `GraphEngine::read`.
class GraphSnapshot {
 public:
  explicit GraphSnapshot(graph::GraphView& view) noexcept : view_(view) {}

  [[nodiscard]] std::uint64_t size() const noexcept;
  Result<bool> contains(BytesView key) const;
  /// Called once, before the first visit, with the number of visits at most; not at all when that is not known.
  using Expect = FunctionRef<void(std::size_t)>;
  /// Returns whether there is an entry.
  Result<bool> for_each_input(BytesView key, Expect expect, KeyBytesVisitor visit) const;
  Result<void> for_each_dependent(BytesView key, KeyBytesVisitor visit) const;
  Result<void> for_each_transitive_dependent(BytesView key, Expect expect, KeyBlockVisitor visit) const;
  Result<void> for_each_in_order(BytesView target, Expect expect, KeyBlockVisitor visit) const;
  Result<std::uint32_t> depth(BytesView key) const;
  /// All live entries, inputs before dependents.
  Result<void> for_each_block(KeyBlockVisitor visit) const;
  Result<DagStats> stats() const;
  Result<void> check() const;

  /// By ids instead of keys; throws `Failure`.
  [[nodiscard]] graph::GraphView& view() const noexcept { return view_; }

 private:
  graph::GraphView& view_;
};

/// A graph on disk, for keys whose size is known at run time: what `PersistentDag` gives types to.
/// Thread safety: all members.
class GraphEngine {
 public:
  struct Options {
    std::string prefix;
    std::uint32_t key_size;
    std::uint32_t tail_nodes;
    /// Small changes in a row, each a transaction of its own, before the next ones go to the journal.
    std::optional<std::uint32_t> journal_after = {};
  };
  static Result<std::shared_ptr<GraphEngine>> open(Environment& environment, const Options& options);

  virtual ~GraphEngine() = default;
  GraphEngine(const GraphEngine&) = delete;
  GraphEngine& operator=(const GraphEngine&) = delete;

  Environment& environment() noexcept { return environment_; }

  /// `transaction` may be one that writes.
  virtual Result<void> read(const ReadTransaction& transaction, FunctionRef<void(GraphSnapshot&)> operation) = 0;

  /// Numbers the state that the transaction sees: grows with every change, in whatever process. Requires: `is_stored`.
  virtual Result<std::uint64_t> changes(const ReadTransaction& transaction) = 0;

  /// Whether the state that the transaction sees is that of the tables and not one that a journal leads to.
  static bool is_stored(const ReadTransaction& transaction) noexcept;

  /// As `Environment::write`, for operations that call `insert` and `insert_many` only: small changes may go to the
  /// journal.
  virtual Result<void> append(FunctionRef<Result<void>(WriteTransaction&)> operation) = 0;

  /// Calls `operation(graph::Writer&)` for changes by ids, and of records. An error undoes the transaction.
  virtual Result<void> change(WriteTransaction& transaction, FunctionRef<Result<void>(graph::Writer&)> operation) = 0;

  virtual Result<bool> insert(WriteTransaction& transaction, const EntryBytes& entry) = 0;
  virtual Result<std::size_t> insert_many(WriteTransaction& transaction, EntrySource next) = 0;
  virtual Result<bool> remove(WriteTransaction& transaction, BytesView key, bool forced) = 0;
  /// `keys`: one after the other.
  virtual Result<std::size_t> remove_many(WriteTransaction& transaction, BytesView keys) = 0;
  virtual Result<DagCompaction> compact(WriteTransaction& transaction) = 0;
  virtual Result<void> rebuild_indexes(WriteTransaction& transaction) = 0;

  /// Entries that an unfinished restoration has taken; begins one (with an empty graph) if there is none.
  virtual Result<std::uint64_t> restored(WriteTransaction& transaction) = 0;
  /// Takes some more. Fewer than `batch` end the restoration: `last`.
  virtual Result<std::size_t> restore(WriteTransaction& transaction, EntrySource next, std::size_t batch,
                                      bool& last) = 0;

 protected:
  explicit GraphEngine(const Environment& environment) : environment_(environment) {}

 private:
  Environment environment_;
};

/// The engine beneath a typed graph, for the layers above.
struct GraphAccess {
  template <class Dag>
  static GraphEngine& engine(const Dag& dag) noexcept {
    return *dag.engine_;
  }
};

}  // namespace deriva::detail
