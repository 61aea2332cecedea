#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <deriva/core/address.hpp>
#include <deriva/core/error.hpp>
#include <deriva/dag/adjacency_cache.hpp>
#include <deriva/dag/dag_snapshot.hpp>
#include <deriva/dag/dag_stats.hpp>
#include <deriva/dag/dag_view.hpp>
#include <deriva/dag/detail/graph_engine.hpp>
#include <deriva/storage/environment.hpp>
#include <deriva/storage/transaction.hpp>

namespace deriva {

struct PersistentDagOptions {
  // Behaviour
  /// What the names of the tables begin with: one environment can hold several graphs.
  std::string prefix = "dag.";

  // Performance
  /// Lists of inputs or dependents to keep in memory for `inputs(key)` and `direct_dependents(key)`, of up to 1,024
  /// keys each; `insert` writes through to them, every other change empties them. None by default: the tables answer
  /// as quickly, and without a lock (docs/dag-layout.md).
  std::size_t lru_entries = 0;
  /// Nodes that commits may leave in the log only. More: commits write less; opening reads more, and every thread that
  /// asks keeps about 60 bytes for each.
  std::uint32_t tail_nodes = 2'048;
  /// Small insertions in a row (`insert`, `insert_many`; each a transaction of its own, with `Durability::sync`) that
  /// go to the tables before the next ones go to a journal beside them, which is flushed once where a commit is flushed
  /// twice (docs/dag-layout.md). None: no journal. With lists in memory there is none either.
  std::optional<std::uint32_t> journal_after = 8;
};

/// The graph of recipes, on disk: which keys each key was made from, and the other way round.
///
/// An entry is a key with its ordered inputs; inputs may repeat, may be none, and may be unknown (they may get an entry
/// later, or never: leaves do not have one). There is never a cycle.
///
/// Every operation is one transaction of the environment, and both directions of an edge change in the same one. Forms
/// that take a transaction take part in the caller's: they see its changes, and their own changes come and go with it.
/// An error from a writing form must end the operation of `Environment::write`. Several questions about the same state
/// are asked inside `snapshot`.
///
/// Thread safety: all members, from any thread and any process; readers do not wait for each other or for a writer.
/// Lifetime: keeps its environment open; a moved-from graph can only be assigned to or destroyed. Visitors run inside a
/// transaction: they are brief and do not write.
/// Errors: those of `Environment::read` and `write`, and `Errc::corrupted`, besides what each member names. Nothing
/// changes on an error.
template <class Key = Address>
class PersistentDag {
  static_assert(DagKey<Key>, "a key is trivially copyable, of 8 to 64 bytes, without padding, and has ==");

 public:
  using key_type = Key;
  using Snapshot = DagSnapshot<Key>;

  /// Opens the graph, which is created if need be. Complexity: constant. Errors: `Errc::format_mismatch` when it holds
  /// keys of another size, or was written in another format.
  [[nodiscard]] static Result<PersistentDag> open(Environment& environment, PersistentDagOptions options = {}) {
    if (options.lru_entries > 0) options.journal_after.reset();
    auto engine = detail::GraphEngine::open(
        environment, {std::move(options.prefix), sizeof(Key), options.tail_nodes, options.journal_after});
    if (!engine) return engine.error();
    return PersistentDag(std::move(*engine), options.lru_entries);
  }

  /// Adds an entry. False: it was there, with these inputs. Errors: `Errc::cycle` with the path, when the key would
  /// depend on itself; `Errc::invalid_argument` when it has an entry with other inputs (content addresses cannot have).
  /// Complexity: as many look-ups as inputs, whatever their dependents; a search only when the key is already
  /// somebody's input.
  Result<bool> insert(const Key& key, std::span<const Key> inputs);
  Result<bool> insert(const Key& key, std::initializer_list<Key> inputs) {
    return insert(key, std::span<const Key>(inputs.begin(), inputs.size()));
  }
  Result<bool> insert(WriteTransaction& transaction, const Key& key, std::span<const Key> inputs) {
    return engine_->insert(transaction, {detail::key_bytes(key), std::as_bytes(inputs)});
  }

  /// Adds entries, which may refer to each other in any order: all, or on an error none. Returns how many were new.
  template <DagEntryRange<Key> Entries>
  Result<std::size_t> insert_many(const Entries& entries) {
    return append([&](WriteTransaction& transaction) { return insert_many(transaction, entries); });
  }
  template <DagEntryRange<Key> Entries>
  Result<std::size_t> insert_many(WriteTransaction& transaction, const Entries& entries) {
    auto at = std::ranges::begin(entries);
    auto next = source(at, std::ranges::end(entries), ~std::size_t{0});
    return engine_->insert_many(transaction, next);
  }

  /// Removes an entry. False: there was none. Errors: `Errc::invalid_argument`, which says how many keys depend on it,
  /// while any does.
  Result<bool> remove(const Key& key) {
    return write([&](WriteTransaction& transaction) { return remove(transaction, key); });
  }
  Result<bool> remove(WriteTransaction& transaction, const Key& key) {
    return engine_->remove(transaction, detail::key_bytes(key), false);
  }
  /// Removes an entry even if other keys depend on it: it is then an input without an entry, as a leaf is.
  Result<bool> force_remove(const Key& key) {
    return write([&](WriteTransaction& transaction) { return force_remove(transaction, key); });
  }
  Result<bool> force_remove(WriteTransaction& transaction, const Key& key) {
    return engine_->remove(transaction, detail::key_bytes(key), true);
  }
  /// Removes all of these that have an entry, or on an error none; they may depend on each other. Returns how many it
  /// removed. Errors: as `remove`, when something else depends on one of them.
  Result<std::size_t> remove_many(std::span<const Key> keys) {
    return write([&](WriteTransaction& transaction) { return remove_many(transaction, keys); });
  }
  Result<std::size_t> remove_many(WriteTransaction& transaction, std::span<const Key> keys) {
    return engine_->remove_many(transaction, std::as_bytes(keys));
  }

  /// Calls `operation(const DagSnapshot<Key>&)`, which returns a `Result`, on one state of the graph, whatever writers
  /// do meanwhile in this and other processes, and returns its result. Requires: as `Environment::read`.
  template <std::invocable<const Snapshot&> Operation>
  auto snapshot(Operation&& operation) const -> std::invoke_result_t<Operation, const Snapshot&> {
    return engine_->environment().read(
        [&](const ReadTransaction& transaction) { return snapshot(transaction, operation); });
  }
  /// The same on the state that a transaction sees.
  template <std::invocable<const Snapshot&> Operation>
  auto snapshot(const ReadTransaction& transaction, Operation&& operation) const
      -> std::invoke_result_t<Operation, const Snapshot&> {
    std::optional<std::invoke_result_t<Operation, const Snapshot&>> out;
    auto call = [&](detail::GraphSnapshot& native) { out.emplace(operation(Snapshot(native))); };
    if (auto read = engine_->read(transaction, call); !read) return read.error();
    return *std::move(out);
  }

  /// Whether the key has an entry of its own.
  Result<bool> contains(const Key& key) const {
    return snapshot([&](const Snapshot& at) { return at.contains(key); });
  }
  Result<bool> contains(const ReadTransaction& transaction, const Key& key) const {
    return snapshot(transaction, [&](const Snapshot& at) { return at.contains(key); });
  }

  /// The inputs in order, or nothing when the key has no entry.
  Result<std::optional<std::vector<Key>>> inputs(const Key& key) const {
    return through_cache(Direction::inputs, key, [&](const Snapshot& at) { return at.inputs(key); });
  }
  Result<std::optional<std::vector<Key>>> inputs(const ReadTransaction& transaction, const Key& key) const {
    return snapshot(transaction, [&](const Snapshot& at) { return at.inputs(key); });
  }
  /// Visits the inputs in order; returns whether the key has an entry.
  template <KeyVisitor<Key> Visitor>
  Result<bool> for_each_input(const Key& key, Visitor&& visitor) const {
    return snapshot([&](const Snapshot& at) { return at.for_each_input(key, visitor); });
  }
  template <KeyVisitor<Key> Visitor>
  Result<bool> for_each_input(const ReadTransaction& transaction, const Key& key, Visitor&& visitor) const {
    return snapshot(transaction, [&](const Snapshot& at) { return at.for_each_input(key, visitor); });
  }

  /// Every key that has this one among its inputs: each once, always in the same order for the same graph.
  Result<std::vector<Key>> direct_dependents(const Key& key) const;
  Result<std::vector<Key>> direct_dependents(const ReadTransaction& transaction, const Key& key) const {
    return snapshot(transaction, [&](const Snapshot& at) { return at.direct_dependents(key); });
  }
  /// Visits them one by one, without a list of them: for hubs.
  template <KeyVisitor<Key> Visitor>
  Result<void> for_each_dependent(const Key& key, Visitor&& visitor) const {
    return snapshot([&](const Snapshot& at) { return at.for_each_dependent(key, visitor); });
  }
  template <KeyVisitor<Key> Visitor>
  Result<void> for_each_dependent(const ReadTransaction& transaction, const Key& key, Visitor&& visitor) const {
    return snapshot(transaction, [&](const Snapshot& at) { return at.for_each_dependent(key, visitor); });
  }

  /// Everything that depends on `key`, without itself: each once, dependencies first.
  Result<std::vector<Key>> transitive_dependents(const Key& key) const {
    return snapshot([&](const Snapshot& at) { return at.transitive_dependents(key); });
  }
  Result<std::vector<Key>> transitive_dependents(const ReadTransaction& transaction, const Key& key) const {
    return snapshot(transaction, [&](const Snapshot& at) { return at.transitive_dependents(key); });
  }
  template <KeyVisitor<Key> Visitor>
  Result<void> for_each_transitive_dependent(const Key& key, Visitor&& visitor) const {
    return snapshot([&](const Snapshot& at) { return at.for_each_transitive_dependent(key, visitor); });
  }

  /// The entries that `target` needs, dependencies first and `target` last; empty when it has no entry.
  Result<std::vector<Key>> resolve_order(const Key& target) const {
    return snapshot([&](const Snapshot& at) { return at.resolve_order(target); });
  }
  Result<std::vector<Key>> resolve_order(const ReadTransaction& transaction, const Key& target) const {
    return snapshot(transaction, [&](const Snapshot& at) { return at.resolve_order(target); });
  }
  template <KeyVisitor<Key> Visitor>
  Result<void> for_each_in_order(const Key& target, Visitor&& visitor) const {
    return snapshot([&](const Snapshot& at) { return at.for_each_in_order(target, visitor); });
  }
  template <KeyVisitor<Key> Visitor>
  Result<void> for_each_in_order(const ReadTransaction& transaction, const Key& target, Visitor&& visitor) const {
    return snapshot(transaction, [&](const Snapshot& at) { return at.for_each_in_order(target, visitor); });
  }

  /// 0 for a leaf, an unknown key or an entry without inputs, else one more than the deepest input.
  Result<std::uint32_t> depth(const Key& key) const {
    return snapshot([&](const Snapshot& at) { return at.depth(key); });
  }
  Result<std::uint32_t> depth(const ReadTransaction& transaction, const Key& key) const {
    return snapshot(transaction, [&](const Snapshot& at) { return at.depth(key); });
  }

  /// Visits the key of every entry, dependencies first. Complexity: linear.
  template <KeyVisitor<Key> Visitor>
  Result<void> for_each(Visitor&& visitor) const {
    return snapshot([&](const Snapshot& at) { return at.for_each(visitor); });
  }

  /// Number of entries; 0 when the environment cannot be read. Complexity: constant.
  std::uint64_t size() const {
    const auto size = snapshot([](const Snapshot& at) { return Result<std::uint64_t>(at.size()); });
    return size ? *size : 0;
  }
  Result<std::uint64_t> size(const ReadTransaction& transaction) const {
    return snapshot(transaction, [](const Snapshot& at) { return Result<std::uint64_t>(at.size()); });
  }

  /// Complexity: constant.
  Result<DagStats> stats() const {
    return snapshot([](const Snapshot& at) { return at.stats(); });
  }

  /// Facts about the lists in memory.
  AdjacencyStats cache_stats() const { return cache_->stats(); }

  /// Compares index, reverse edges, counts and the log with each other, and looks for cycles. Errors:
  /// `Errc::corrupted`. A file that is damaged can end the process (LMDB has no checksums): check such a one in a
  /// process of its own. Complexity: linear, in time and memory.
  Result<void> check() const {
    return snapshot([](const Snapshot& at) { return at.check(); });
  }

  /// Writes the graph anew: without what was removed and inputs that no entry has any more, in topological order,
  /// tightly packed. One transaction: readers go on with what they see, writers wait, a crash changes nothing. Needs as
  /// much free space in the file as the graph takes. Complexity: linear, in time and memory (about 12 bytes per edge).
  Result<DagCompaction> compact() {
    return write([&](WriteTransaction& transaction) { return engine_->compact(transaction); });
  }

  /// Makes everything that is derived from the log anew (the index, and the edges to dependents).
  Result<void> rebuild_indexes() {
    return write([&](WriteTransaction& transaction) { return engine_->rebuild_indexes(transaction); });
  }

  /// Replaces the graph by these entries, `batch` of them per transaction, and returns how many it took. After a crash,
  /// the same call with the same range goes on where it was. Errors: as `insert`; the entries before it are there then.
  template <DagEntryRange<Key> Entries>
  Result<std::uint64_t> restore(const Entries& entries, std::size_t batch = 10'000);

 private:
  friend struct detail::GraphAccess;
  using Cache = detail::AdjacencyCache<Key>;
  using Direction = typename Cache::Direction;
  using List = typename Cache::List;

  PersistentDag(std::shared_ptr<detail::GraphEngine> engine, std::size_t lru_entries)
      : engine_(std::move(engine)), cache_(std::make_shared<Cache>(lru_entries)) {}

  template <class Load>
  Result<List> through_cache(Direction direction, const Key& key, const Load& load) const;

  template <class Operation>
  auto write(Operation&& operation) {
    return engine_->environment().write(std::forward<Operation>(operation));
  }

  template <class Operation>
  auto append(Operation&& operation) -> std::invoke_result_t<Operation, WriteTransaction&> {
    using Out = std::invoke_result_t<Operation, WriteTransaction&>;
    return detail::result_of_write<Out>(operation, [this](auto& call) { return engine_->append(call); });
  }

  /// Gives entries from `at` on, at most `limit`, and moves `at`.
  template <class Iterator, class End>
  static auto source(Iterator& at, End end, std::size_t limit) {
    return [&at, end, limit](detail::EntryBytes& out) mutable {
      if (at == end || limit == 0) return false;
      auto&& entry = *at;
      const std::span<const Key> inputs(std::get<1>(entry));
      out = {detail::key_bytes<Key>(std::get<0>(entry)), std::as_bytes(inputs)};
      ++at;
      --limit;
      return true;
    };
  }

  std::shared_ptr<detail::GraphEngine> engine_;
  std::shared_ptr<Cache> cache_;
};

template <class Key>
Result<bool> PersistentDag<Key>::insert(const Key& key, std::span<const Key> inputs) {
  std::uint64_t sequence = 0;
  Result<bool> is_new = append([&](WriteTransaction& transaction) -> Result<bool> {
    Result<bool> inserted = insert(transaction, key, inputs);
    if (!inserted || !*inserted || cache_->capacity() == 0) return inserted;
    const Result<std::uint64_t> changes = engine_->changes(transaction);
    if (!changes) return changes.error();
    sequence = *changes;
    return inserted;
  });
  if (is_new && *is_new && sequence != 0) {
    cache_->publish(sequence, {key, std::vector<Key>(inputs.begin(), inputs.end())});
  }
  return is_new;
}

template <class Key>
Result<std::vector<Key>> PersistentDag<Key>::direct_dependents(const Key& key) const {
  Result<List> list = through_cache(Direction::dependents, key, [&](const Snapshot& at) -> Result<List> {
    Result<std::vector<Key>> dependents = at.direct_dependents(key);
    if (!dependents) return dependents.error();
    return List(*std::move(dependents));
  });
  if (!list) return list.error();
  return **std::move(list);
}

template <class Key>
template <class Load>
auto PersistentDag<Key>::through_cache(Direction direction, const Key& key, const Load& load) const -> Result<List> {
  return engine_->environment().read([&](const ReadTransaction& transaction) -> Result<List> {
    if (cache_->capacity() == 0 || !engine_->is_stored(transaction)) return snapshot(transaction, load);
    if (!cache_->shows(transaction.id())) {
      const Result<std::uint64_t> sequence = engine_->changes(transaction);
      if (!sequence) return sequence.error();
      cache_->observe(transaction.id(), *sequence);
    }
    if (std::optional<List> held = cache_->find(transaction.id(), direction, key)) return *std::move(held);
    Result<List> list = snapshot(transaction, load);
    if (list) cache_->add(transaction.id(), direction, key, *list);
    return list;
  });
}

template <class Key>
template <DagEntryRange<Key> Entries>
Result<std::uint64_t> PersistentDag<Key>::restore(const Entries& entries, std::size_t batch) {
  std::uint64_t taken = 0;
  for (bool last = false; !last;) {
    const Result<std::uint64_t> done = write([&](WriteTransaction& transaction) -> Result<std::uint64_t> {
      const Result<std::uint64_t> before = engine_->restored(transaction);
      if (!before) return before.error();
      auto at = std::ranges::next(std::ranges::begin(entries), static_cast<std::ptrdiff_t>(*before),
                                  std::ranges::end(entries));
      auto next = source(at, std::ranges::end(entries), batch);
      last = false;
      const Result<std::size_t> some = engine_->restore(transaction, next, batch, last);
      if (!some) return some.error();
      return *before + *some;
    });
    if (!done) return done.error();
    taken = *done;
  }
  return taken;
}

}  // namespace deriva
