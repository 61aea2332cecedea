#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include <deriva/core/address.hpp>
#include <deriva/core/error.hpp>
#include <deriva/dag/dag_errors.hpp>
#include <deriva/dag/dag_view.hpp>
#include <deriva/dag/traversal.hpp>

namespace deriva {

/// The graph of recipes, in memory: which keys each key was made from, and the other way round. The members mean what
/// those of `PersistentDag` mean, and say so here; only this one never fails for want of a disk.
///
/// An entry is a key with its ordered inputs; inputs may repeat, may be none, and may be unknown (they may get an entry
/// later, or never: leaves do not have one).
/// Thread safety: as a standard container, any number of readers or one writer.
template <DagKey Key>
class BasicMemoryDag {
 public:
  using key_type = Key;

  /// Adds an entry. False: it was there, with these inputs. Errors: `Errc::cycle` with the path, when the key would
  /// depend on itself; `Errc::invalid_argument` when it has an entry with other inputs. Nothing changes on an error.
  /// Complexity: logarithmic in the dependents of each input; a search when the key is already somebody's input.
  Result<bool> insert(const Key& key, std::span<const Key> inputs);
  Result<bool> insert(const Key& key, std::initializer_list<Key> inputs) { return insert(key, view_of(inputs)); }

  /// Adds entries, which may refer to each other in any order: all, or on an error none. Returns how many were new.
  template <DagEntryRange<Key> Entries>
  Result<std::size_t> insert_many(const Entries& entries);

  /// Whether the key has an entry of its own.
  Result<bool> contains(const Key& key) const { return forward_.contains(key); }

  /// The inputs in order, or nothing when the key has no entry.
  Result<std::optional<std::vector<Key>>> inputs(const Key& key) const;
  /// Visits the inputs in order; returns whether the key has an entry.
  template <KeyVisitor<Key> Visitor>
  Result<bool> for_each_input(const Key& key, Visitor&& visitor) const;

  /// Every key that has this one among its inputs: each once, always in the same order for the same graph.
  Result<std::vector<Key>> direct_dependents(const Key& key) const;
  template <KeyVisitor<Key> Visitor>
  Result<void> for_each_dependent(const Key& key, Visitor&& visitor) const;

  /// Everything that depends on `key`, without itself: each once, dependencies first.
  Result<std::vector<Key>> transitive_dependents(const Key& key) const {
    return deriva::transitive_dependents(*this, key);
  }
  /// The entries that `target` needs, dependencies first and `target` last; empty when it has no entry.
  Result<std::vector<Key>> resolve_order(const Key& target) const { return deriva::resolve_order(*this, target); }
  template <KeyVisitor<Key> Visitor>
  Result<void> for_each_in_order(const Key& target, Visitor&& visitor) const {
    return deriva::for_each_in_order(*this, target, visitor);
  }
  /// 0 for a leaf, an unknown key or an entry without inputs, else one more than the deepest input.
  Result<std::uint32_t> depth(const Key& key) const { return deriva::depth(*this, key); }

  /// Removes an entry. False: there was none. Errors: `Errc::invalid_argument` while other keys depend on it.
  Result<bool> remove(const Key& key);

  /// Number of entries. Complexity: constant.
  std::uint64_t size() const noexcept { return forward_.size(); }

  /// Compares the two directions. Errors: `Errc::corrupted`. Complexity: linear in the edges, times a look-up.
  Result<void> check() const;

 private:
  using KeySet = std::set<Key, detail::KeyLess<Key>>;

  static std::span<const Key> view_of(std::initializer_list<Key> keys) { return {keys.begin(), keys.size()}; }
  void erase_entry(const Key& key);

  boost::unordered_flat_map<Key, std::vector<Key>, detail::KeyHash<Key>> forward_;
  boost::unordered_flat_map<Key, KeySet, detail::KeyHash<Key>> reverse_;
};

using MemoryDag = BasicMemoryDag<Address>;

template <DagKey Key>
Result<bool> BasicMemoryDag<Key>::insert(const Key& key, std::span<const Key> inputs) {
  Result<bool> is_new = detail::admit(*this, key, inputs);
  if (!is_new || !*is_new) return is_new;
  forward_.emplace(key, std::vector<Key>(inputs.begin(), inputs.end()));
  for (const Key& input : inputs) reverse_[input].insert(key);
  return true;
}

template <DagKey Key>
template <DagEntryRange<Key> Entries>
Result<std::size_t> BasicMemoryDag<Key>::insert_many(const Entries& entries) {
  std::vector<Key> added;
  for (const auto& entry : entries) {
    const Key& key = std::get<0>(entry);
    const Result<bool> inserted = insert(key, std::span<const Key>(std::get<1>(entry)));
    if (!inserted) {
      for (const Key& undo : added) erase_entry(undo);
      return inserted.error();
    }
    if (*inserted) added.push_back(key);
  }
  return added.size();
}

template <DagKey Key>
Result<std::optional<std::vector<Key>>> BasicMemoryDag<Key>::inputs(const Key& key) const {
  const auto found = forward_.find(key);
  if (found == forward_.end()) return std::optional<std::vector<Key>>();
  return std::optional<std::vector<Key>>(found->second);
}

template <DagKey Key>
template <KeyVisitor<Key> Visitor>
Result<bool> BasicMemoryDag<Key>::for_each_input(const Key& key, Visitor&& visitor) const {
  const auto found = forward_.find(key);
  if (found == forward_.end()) return false;
  for (const Key& input : found->second) {
    if (!visitor(input)) break;
  }
  return true;
}

template <DagKey Key>
Result<std::vector<Key>> BasicMemoryDag<Key>::direct_dependents(const Key& key) const {
  const auto found = reverse_.find(key);
  if (found == reverse_.end()) return std::vector<Key>();
  return std::vector<Key>(found->second.begin(), found->second.end());
}

template <DagKey Key>
template <KeyVisitor<Key> Visitor>
Result<void> BasicMemoryDag<Key>::for_each_dependent(const Key& key, Visitor&& visitor) const {
  const auto found = reverse_.find(key);
  if (found == reverse_.end()) return {};
  for (const Key& dependent : found->second) {
    if (!visitor(dependent)) break;
  }
  return {};
}

template <DagKey Key>
Result<bool> BasicMemoryDag<Key>::remove(const Key& key) {
  if (!forward_.contains(key)) return false;
  if (const auto found = reverse_.find(key); found != reverse_.end()) {
    return detail::dependents_error(key, found->second.size());
  }
  erase_entry(key);
  return true;
}

template <DagKey Key>
void BasicMemoryDag<Key>::erase_entry(const Key& key) {
  const auto entry = forward_.find(key);
  for (const Key& input : entry->second) {
    const auto found = reverse_.find(input);
    if (found == reverse_.end()) continue;  // a repeated input
    found->second.erase(key);
    if (found->second.empty()) reverse_.erase(found);
  }
  forward_.erase(entry);
}

template <DagKey Key>
Result<void> BasicMemoryDag<Key>::check() const {
  std::uint64_t edges = 0;
  for (const auto& [key, inputs] : forward_) {
    const KeySet distinct(inputs.begin(), inputs.end());
    edges += distinct.size();
    for (const Key& input : distinct) {
      const auto found = reverse_.find(input);
      if (found == reverse_.end() || !found->second.contains(key)) {
        return detail::edge_error(input, key);
      }
    }
  }
  std::uint64_t reverse_edges = 0;
  for (const auto& [key, dependents] : reverse_) reverse_edges += dependents.size();
  if (edges != reverse_edges) return detail::edge_count_error(edges, reverse_edges);
  return {};
}

}  // namespace deriva
