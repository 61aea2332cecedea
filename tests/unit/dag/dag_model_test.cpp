#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include <rapidcheck.h>

#include <deriva/dag/memory_dag.hpp>
#include <deriva/dag/persistent_dag.hpp>

#include "support/catch.hpp"
#include "unit/dag/persistent_fixture.hpp"

// The graph in memory, the graph on disk and a model that is too simple to be wrong do the same operations.

namespace {

using deriva::Errc;
using deriva::Result;
using Key = std::uint64_t;
using Keys = std::vector<Key>;

constexpr Key universe = 24;

struct Model {
  std::map<Key, Keys> entries;

  std::set<Key> below(Key from) const {  // with `from`
    std::set<Key> found = {from};
    for (std::size_t before = 0; before != found.size();) {
      before = found.size();
      for (const Key key : std::set<Key>(found)) {
        if (const auto entry = entries.find(key); entry != entries.end()) {
          found.insert(entry->second.begin(), entry->second.end());
        }
      }
    }
    return found;
  }
  Keys dependents(Key key) const {
    Keys found;
    for (const auto& [dependent, inputs] : entries) {
      if (std::find(inputs.begin(), inputs.end(), key) != inputs.end()) found.push_back(dependent);
    }
    return found;
  }
  std::uint32_t depth(Key key) const {  // never deeper than the universe
    const auto entry = entries.find(key);
    std::uint32_t deepest = 0;
    if (entry == entries.end()) return 0;
    for (const Key input : entry->second) deepest = std::max(deepest, 1 + depth(input));
    return deepest;
  }
  std::optional<Errc> refuses(Key key, const Keys& inputs) const {
    if (const auto entry = entries.find(key); entry != entries.end()) {
      return entry->second == inputs ? std::optional<Errc>() : Errc::invalid_argument;
    }
    for (const Key input : inputs) {
      if (below(input).count(key) != 0) return Errc::cycle;
    }
    return std::nullopt;
  }
};

enum class Kind : std::uint8_t { insert, insert_many, remove, reopen };
struct Operation {
  Kind kind = Kind::insert;
  std::vector<std::pair<Key, Keys>> entries;
};

rc::Gen<Operation> any_operation() {
  // Mostly edges to smaller keys, so that graphs grow; some the other way, so that cycles are tried.
  const auto key = rc::gen::inRange<Key>(0, universe);
  const auto entry = rc::gen::mapcat(key, [key](Key of) {
    const auto below = rc::gen::inRange<Key>(0, of + 1);
    const auto input = rc::gen::weightedOneOf<Key>({{12, below}, {1, key}});
    return rc::gen::pair(rc::gen::just(of), rc::gen::resize(5, rc::gen::container<Keys>(input)));
  });
  const auto kind = rc::gen::weightedElement<Kind>(
      {{10, Kind::insert}, {4, Kind::insert_many}, {5, Kind::remove}, {1, Kind::reopen}});
  return rc::gen::mapcat(kind, [entry](Kind chosen) {
    auto entries = chosen == Kind::insert_many
                       ? rc::gen::resize(6, rc::gen::container<std::vector<std::pair<Key, Keys>>>(entry))
                       : rc::gen::container<std::vector<std::pair<Key, Keys>>>(1, entry);
    return rc::gen::map(std::move(entries), [chosen](std::vector<std::pair<Key, Keys>> list) {
      return Operation{chosen, std::move(list)};
    });
  });
}

/// Both graphs gave `expected`: a value, or an error of this code.
template <class T>
void both(const Result<T>& memory, const Result<T>& disk, std::optional<Errc> refused, const T& expected) {
  for (const Result<T>* result : {&memory, &disk}) {
    RC_ASSERT(result->has_error() == refused.has_value());
    if (refused) RC_ASSERT(result->error().code() == *refused);
    if (!refused) RC_ASSERT(**result == expected);
  }
}

template <std::size_t lru_entries>
struct Trio {
  Model model;
  deriva::BasicMemoryDag<Key> memory;
  deriva::test::PersistentFixture<Key, lru_entries> disk;

  void apply(const Operation& operation) {
    if (operation.kind == Kind::reopen) return disk.reopen();
    if (operation.kind == Kind::insert_many) return insert_many(operation.entries);
    const auto& [key, inputs] = operation.entries.front();
    if (operation.kind == Kind::remove) return remove(key);
    const std::optional<Errc> refused = model.refuses(key, inputs);
    both(memory.insert(key, inputs), disk.dag.insert(key, inputs), refused, model.entries.count(key) == 0);
    if (!refused) model.entries.emplace(key, inputs);
  }

  void insert_many(const std::vector<std::pair<Key, Keys>>& entries) {
    Model next = model;
    std::optional<Errc> refused;
    for (const auto& [key, inputs] : entries) {
      if (!refused) refused = next.refuses(key, inputs);
      next.entries.emplace(key, inputs);
    }
    const std::size_t added = next.entries.size() - model.entries.size();
    both(memory.insert_many(entries), disk.dag.insert_many(entries), refused, added);
    if (!refused) model = next;
  }

  void remove(Key key) {
    const bool there = model.entries.count(key) != 0;
    std::optional<Errc> refused;
    if (there && !model.dependents(key).empty()) refused = Errc::invalid_argument;
    both(memory.remove(key), disk.dag.remove(key), refused, there);
    if (!refused) model.entries.erase(key);
  }

  void compare(Key key) {
    const auto entry = model.entries.find(key);
    std::optional<Keys> inputs;
    if (entry != model.entries.end()) inputs = entry->second;
    both<bool>(memory.contains(key), disk.dag.contains(key), {}, inputs.has_value());
    both(memory.inputs(key), disk.dag.inputs(key), {}, inputs);
    Result<Keys> on_disk = disk.dag.direct_dependents(key);
    if (on_disk) std::sort(on_disk->begin(), on_disk->end());
    both(memory.direct_dependents(key), on_disk, {}, model.dependents(key));
    both(memory.depth(key), disk.dag.depth(key), {}, model.depth(key));

    const Keys order = memory.resolve_order(key).value();
    const Keys dependents = memory.transitive_dependents(key).value();
    std::set<Key> below;
    std::set<Key> above;
    for (const auto& [other, ignored] : model.entries) {
      if (model.below(key).count(other) != 0) below.insert(other);
      if (other != key && model.below(other).count(key) != 0) above.insert(other);
    }
    in_order(order, below);
    in_order(disk.dag.resolve_order(key).value(), below);
    in_order(dependents, above);
    in_order(disk.dag.transitive_dependents(key).value(), above);
  }

  void in_order(const Keys& order, const std::set<Key>& expected) const {
    RC_ASSERT(order.size() == expected.size());
    std::set<Key> seen;
    for (const Key key : order) {
      RC_ASSERT(expected.count(key) == 1U);
      RC_ASSERT(seen.insert(key).second);
      for (const Key input : model.entries.at(key)) RC_ASSERT(expected.count(input) == seen.count(input));
    }
  }
};

template <std::size_t lru_entries>
void run(const std::vector<Operation>& operations) {
  Trio<lru_entries> trio;
  for (const Operation& operation : operations) {
    trio.apply(operation);
    trio.compare(operation.entries.empty() ? 0 : operation.entries.front().first);
    RC_ASSERT(trio.disk.dag.size() == trio.model.entries.size());
  }
  for (Key key = 0; key < universe; ++key) trio.compare(key);
  RC_ASSERT(trio.memory.size() == trio.model.entries.size());
  RC_ASSERT(trio.memory.check().has_value());
  RC_ASSERT(trio.disk.dag.check().has_value());
}

}  // namespace

TEST_CASE("property: memory, disk and a naive model never differ, in over 2,000 operations", "[dag]") {
  std::size_t done = 0;
  REQUIRE(rc::check([&] {
    const auto operations = *rc::gen::container<std::vector<Operation>>(any_operation());
    run<1'000>(operations);
    done += operations.size();
  }));
  REQUIRE(done >= 2'000);
}

TEST_CASE("property: nor do they with a small LRU, or with none", "[dag]") {
  REQUIRE(rc::check([&] { run<3>(*rc::gen::container<std::vector<Operation>>(any_operation())); }));
  REQUIRE(rc::check([&] { run<0>(*rc::gen::container<std::vector<Operation>>(any_operation())); }));
}
