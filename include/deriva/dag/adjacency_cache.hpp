#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include <deriva/dag/dag_view.hpp>

namespace deriva {

/// Facts about the lists that a graph keeps in memory; see `PersistentDag::cache_stats`.
struct AdjacencyStats {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;  ///< Queries that read the tables, those of older snapshots included.
  std::uint64_t entries = 0;
};

namespace detail {

/// The least recently used adjacency lists of a graph on disk, written through, never stale.
///
/// The states of the graph are numbered: whatever changes it, in whatever process, adds one to a counter on disk in the
/// same transaction. All lists held are those of one state, `sequence_`; `first_ .. last_` are snapshots known to show
/// it (the counter only grows, so all between two such snapshots do). Hence:
/// - A query uses and adds lists only when its snapshot is in that range. If it is not, it reads the counter and calls
///   `observe`: a newer state replaces the one held, an older one is answered from the tables.
/// - `publish`, after a commit that inserted one entry, moves to the next state. Entries may be published out of order,
///   after a query has seen their state, or not at all (another change, process or handle): a state that cannot be
///   reached entry by entry empties the cache.
/// Thread safety: all members.
template <DagKey Key>
class AdjacencyCache {
 public:
  enum class Direction : std::uint8_t { inputs, dependents };
  /// Nothing: the key has no entry (inputs only).
  using List = std::optional<std::vector<Key>>;
  struct Entry {
    Key key;
    std::vector<Key> inputs;
  };

  /// Longer lists stay on disk: one of them would cost more than all the others.
  static constexpr std::size_t longest_list = 1'024;
  /// Entries that wait for an earlier one to be published.
  static constexpr std::size_t most_waiting = 64;

  /// Holds up to `capacity` lists.
  explicit AdjacencyCache(std::size_t capacity) noexcept : capacity_(capacity) {}

  std::size_t capacity() const noexcept { return capacity_; }

  /// Whether the lists held are those that the snapshot `transaction` shows, as far as is known.
  bool shows(std::uint64_t transaction) const {
    const std::lock_guard lock(mutex_);
    return in_range(transaction);
  }

  /// The snapshot `transaction` shows state `sequence`.
  void observe(std::uint64_t transaction, std::uint64_t sequence) {
    const std::lock_guard lock(mutex_);
    if (sequence < sequence_) return;
    if (sequence > sequence_) or_empty([&] { advance_to(sequence); });
    sequence_ = sequence;
    first_ = first_ == 0 ? transaction : std::min(first_, transaction);
    last_ = std::max(last_, transaction);
  }

  /// The list, if it is held for this snapshot. Counts a hit or a miss.
  std::optional<List> find(std::uint64_t transaction, Direction direction, const Key& key) {
    const std::lock_guard lock(mutex_);
    auto& index = index_of(direction);
    const auto found = in_range(transaction) ? index.find(key) : index.end();
    if (found == index.end()) return ++stats_.misses, std::nullopt;
    ++stats_.hits;
    lists_.splice(lists_.begin(), lists_, found->second);
    return found->second->list;
  }

  /// Keeps a list that was read in the snapshot `transaction`.
  void add(std::uint64_t transaction, Direction direction, const Key& key, const List& list) {
    const std::lock_guard lock(mutex_);
    if (in_range(transaction) && !too_long(list)) or_empty([&] { put(direction, key, list); });
  }

  /// A commit of this process led to state `sequence` by inserting `entry`.
  void publish(std::uint64_t sequence, Entry entry) {
    const std::lock_guard lock(mutex_);
    if (sequence <= sequence_) return;
    or_empty([&] {
      waiting_.insert_or_assign(sequence, std::move(entry));
      apply_waiting(sequence);
      if (waiting_.size() > most_waiting) waiting_.erase(waiting_.begin());
    });
  }

  AdjacencyStats stats() const {
    const std::lock_guard lock(mutex_);
    AdjacencyStats stats = stats_;
    stats.entries = lists_.size();
    return stats;
  }

 private:
  struct Held {
    Direction direction;
    Key key;
    List list;
  };
  using Lists = std::list<Held>;
  using Index = boost::unordered_flat_map<Key, typename Lists::iterator, KeyHash<Key>>;

  Index& index_of(Direction direction) { return indexes_[static_cast<std::size_t>(direction)]; }
  bool in_range(std::uint64_t transaction) const {
    return first_ != 0 && first_ <= transaction && transaction <= last_;
  }

  static bool too_long(const List& list) { return list && list->size() > longest_list; }

  /// When memory is short in the middle of an update, no list at all is better than a wrong one.
  template <class Update>
  void or_empty(Update update) noexcept {
    try {
      update();
    } catch (...) {
      clear_lists();
      waiting_.clear();
      first_ = last_ = 0;
    }
  }

  void clear_lists() noexcept {
    for (Index& index : indexes_) index.clear();
    lists_.clear();
  }

  void advance_to(std::uint64_t sequence) {
    first_ = last_ = 0;  // LMDB numbers transactions from 1; 0 is an empty file
    apply_waiting(sequence);
    if (sequence_ != sequence) clear_lists();
    waiting_.erase(waiting_.begin(), waiting_.upper_bound(sequence));
  }

  void apply_waiting(std::uint64_t up_to) {
    for (auto next = waiting_.begin(); next != waiting_.end() && next->first == sequence_ + 1 && sequence_ < up_to;
         next = waiting_.erase(next)) {
      apply(next->second);
      ++sequence_;
      first_ = last_ = 0;
    }
  }

  void apply(const Entry& entry) {
    put(Direction::inputs, entry.key, entry.inputs);
    // Where the key stands among the dependents of its inputs only the tables know.
    for (const Key& input : entry.inputs) drop(Direction::dependents, input);
  }

  void put(Direction direction, const Key& key, List list) {
    drop(direction, key);
    if (capacity_ == 0 || too_long(list)) return;
    if (lists_.size() == capacity_) drop(lists_.back().direction, Key(lists_.back().key));
    lists_.push_front({direction, key, std::move(list)});
    index_of(direction).emplace(key, lists_.begin());
  }

  void drop(Direction direction, const Key& key) {
    Index& index = index_of(direction);
    const auto found = index.find(key);
    if (found == index.end()) return;
    lists_.erase(found->second);
    index.erase(found);
  }

  const std::size_t capacity_;
  mutable std::mutex mutex_;
  Lists lists_;  // most recently used first
  std::array<Index, 2> indexes_;
  std::map<std::uint64_t, Entry> waiting_;  // by the state that they lead to
  std::uint64_t sequence_ = 0;
  std::uint64_t first_ = 0;  // 0: no snapshot known
  std::uint64_t last_ = 0;
  AdjacencyStats stats_;
};

}  // namespace detail
}  // namespace deriva
