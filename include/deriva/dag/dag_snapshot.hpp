#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include <deriva/core/error.hpp>
#include <deriva/dag/dag_stats.hpp>
#include <deriva/dag/dag_view.hpp>
#include <deriva/dag/detail/graph_engine.hpp>
#include <deriva/dag/detail/large_memory.hpp>

namespace deriva {

/// One state of a `PersistentDag`, for the length of one `PersistentDag::snapshot`. The members mean what those of the
/// graph mean; each costs less than there, where it would take a snapshot of its own. A `DagView`.
/// Thread safety: only the thread that runs the operation. Visitors may ask the snapshot further questions.
template <class Key>
class DagSnapshot {
 public:
  using key_type = Key;

  DagSnapshot(const DagSnapshot&) = delete;
  DagSnapshot& operator=(const DagSnapshot&) = delete;

  [[nodiscard]] std::uint64_t size() const noexcept { return native_.size(); }
  Result<bool> contains(const Key& key) const { return native_.contains(detail::key_bytes(key)); }

  Result<std::optional<std::vector<Key>>> inputs(const Key& key) const {
    std::optional<std::vector<Key>> keys(std::in_place);
    auto expect = [&](std::size_t count) { keys->reserve(count); };
    auto add = [&](const std::byte* bytes) { return keys->push_back(load(bytes)), true; };
    const Result<bool> found = native_.for_each_input(detail::key_bytes(key), expect, add);
    if (!found) return found.error();
    if (!*found) keys.reset();
    return keys;
  }
  template <KeyVisitor<Key> Visitor>
  Result<bool> for_each_input(const Key& key, Visitor&& visitor) const {
    auto visit = on_bytes(visitor);
    auto expect = [](std::size_t) {};
    return native_.for_each_input(detail::key_bytes(key), expect, visit);
  }

  Result<std::vector<Key>> direct_dependents(const Key& key) const {
    return collect([&](auto&, auto& add) {
      auto visit = on_bytes(add);
      return native_.for_each_dependent(detail::key_bytes(key), visit);
    });
  }
  template <KeyVisitor<Key> Visitor>
  Result<void> for_each_dependent(const Key& key, Visitor&& visitor) const {
    auto visit = on_bytes(visitor);
    return native_.for_each_dependent(detail::key_bytes(key), visit);
  }

  Result<std::vector<Key>> transitive_dependents(const Key& key) const {
    return collect([&](auto& expect, auto& add) {
      auto visit = on_blocks(add);
      return native_.for_each_transitive_dependent(detail::key_bytes(key), expect, visit);
    });
  }
  template <KeyVisitor<Key> Visitor>
  Result<void> for_each_transitive_dependent(const Key& key, Visitor&& visitor) const {
    auto visit = on_blocks(visitor);
    auto expect = [](std::size_t) {};
    return native_.for_each_transitive_dependent(detail::key_bytes(key), expect, visit);
  }

  Result<std::vector<Key>> resolve_order(const Key& target) const {
    return collect([&](auto& expect, auto& add) {
      auto visit = on_blocks(add);
      return native_.for_each_in_order(detail::key_bytes(target), expect, visit);
    });
  }
  template <KeyVisitor<Key> Visitor>
  Result<void> for_each_in_order(const Key& target, Visitor&& visitor) const {
    auto visit = on_blocks(visitor);
    auto expect = [](std::size_t) {};
    return native_.for_each_in_order(detail::key_bytes(target), expect, visit);
  }

  Result<std::uint32_t> depth(const Key& key) const { return native_.depth(detail::key_bytes(key)); }

  template <KeyVisitor<Key> Visitor>
  Result<void> for_each(Visitor&& visitor) const {
    auto visit = on_blocks(visitor);
    return native_.for_each_block(visit);
  }

  Result<DagStats> stats() const { return native_.stats(); }
  Result<void> check() const { return native_.check(); }

 private:
  template <class>
  friend class PersistentDag;
  explicit DagSnapshot(const detail::GraphSnapshot& native) noexcept : native_(native) {}

  static Key load(const std::byte* bytes) noexcept {
    Key key;
    std::memcpy(static_cast<void*>(&key), bytes, sizeof(Key));
    return key;
  }
  template <class Visitor>
  static auto on_bytes(Visitor& visitor) {
    return [&visitor](const std::byte* bytes) -> bool { return visitor(load(bytes)); };
  }
  template <class Visitor>
  static auto on_blocks(Visitor& visitor) {
    return [&visitor](const detail::KeyBlock& block) -> bool {
      const std::byte* keys = block.keys;
      for (std::uint32_t word = 0; 64 * word < block.count; ++word, keys += 64 * sizeof(Key)) {
        for (std::uint64_t members = block.members[word]; members != 0; members &= members - 1) {
          if (!visitor(load(keys + static_cast<std::size_t>(std::countr_zero(members)) * sizeof(Key)))) return false;
        }
      }
      return true;
    };
  }
  template <class Ask>
  static Result<std::vector<Key>> collect(Ask&& ask) {
    std::vector<Key> keys;
    auto expect = [&keys](std::size_t count) {
      keys.reserve(count);
      detail::expect_writes(keys.data(), keys.capacity() * sizeof(Key));
    };
    auto add = [&keys](const Key& key) { return keys.push_back(key), true; };
    if (const Result<void> asked = ask(expect, add); !asked) return asked.error();
    return keys;
  }

  const detail::GraphSnapshot& native_;
};

}  // namespace deriva
