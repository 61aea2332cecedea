#pragma once

// What every graph has to do, whatever holds it. The including file defines DERIVA_DAG_FIXTURES, a list of types that
// have `Key` and a graph `dag`, and gets one test case per behaviour and fixture.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "unit/dag/dag_fixture.hpp"

namespace deriva::test {

/// Positions in `order` are such that every key comes after all those that `inputs` says it depends on.
template <class Dag, class Key>
bool dependencies_first(const Dag& dag, const std::vector<Key>& order) {
  for (std::size_t at = 0; at < order.size(); ++at) {
    const auto inputs = dag.inputs(order[at]).value();
    if (!inputs) return false;
    for (const Key& input : *inputs) {
      const auto found = std::find(order.begin(), order.end(), input);
      if (found != order.end() && static_cast<std::size_t>(found - order.begin()) >= at) return false;
    }
  }
  return true;
}

/// 1 and 2 are leaves; 10 = f(1), 11 = f(2, 1), 20 = f(10, 11), 30 = f(20), 31 = f(20, 10), 40 = f(31, 30, 11).
template <class Dag>
void insert_diamonds(Dag& dag) {
  const auto k = [](std::uint64_t n) { return make_key<typename Dag::key_type>(n); };
  REQUIRE(dag.insert(k(10), {k(1)}).value());
  REQUIRE(dag.insert(k(11), {k(2), k(1)}).value());
  REQUIRE(dag.insert(k(20), {k(10), k(11)}).value());
  REQUIRE(dag.insert(k(30), {k(20)}).value());
  REQUIRE(dag.insert(k(31), {k(20), k(10)}).value());
  REQUIRE(dag.insert(k(40), {k(31), k(30), k(11)}).value());
}

}  // namespace deriva::test

using deriva::Errc;
using deriva::test::dependencies_first;
using deriva::test::insert_diamonds;
using deriva::test::is_cycle;
using deriva::test::sorted;

TEMPLATE_TEST_CASE("an inserted entry is found, and nothing else", "[dag]", DERIVA_DAG_FIXTURES) {
  TestType f;
  REQUIRE(f.dag.size() == 0);
  REQUIRE(f.dag.insert(f.k(10), f.keys({1, 2})).value());
  REQUIRE(f.dag.contains(f.k(10)).value());
  REQUIRE_FALSE(f.dag.contains(f.k(1)).value());
  REQUIRE_FALSE(f.dag.contains(f.k(11)).value());
  REQUIRE(f.dag.size() == 1);
  REQUIRE(f.dag.check());
}

TEMPLATE_TEST_CASE("inputs come back in order, with repetitions", "[dag]", DERIVA_DAG_FIXTURES) {
  TestType f;
  REQUIRE(f.dag.insert(f.k(10), f.keys({3, 1, 3, 2, 1})).value());
  REQUIRE(*f.dag.inputs(f.k(10)).value() == f.keys({3, 1, 3, 2, 1}));
  std::vector<typename TestType::Key> seen;
  const auto two = [&](const auto& key) { return seen.push_back(key), seen.size() < 2; };
  REQUIRE(f.dag.for_each_input(f.k(10), two).value());
  REQUIRE(seen == f.keys({3, 1}));
  REQUIRE_FALSE(f.dag.for_each_input(f.k(3), two).value());
  REQUIRE(f.dag.direct_dependents(f.k(3)).value() == f.keys({10}));
  REQUIRE(f.dag.check());
}

TEMPLATE_TEST_CASE("an entry without inputs is an entry, a leaf is not", "[dag]", DERIVA_DAG_FIXTURES) {
  TestType f;
  REQUIRE(f.dag.insert(f.k(10), {}).value());
  REQUIRE(f.dag.inputs(f.k(10)).value().has_value());
  REQUIRE(f.dag.inputs(f.k(10)).value()->empty());
  REQUIRE(f.dag.insert(f.k(11), f.keys({1})).value());
  REQUIRE_FALSE(f.dag.inputs(f.k(1)).value().has_value());
  REQUIRE(f.dag.resolve_order(f.k(10)).value() == f.keys({10}));
  REQUIRE(f.dag.depth(f.k(10)).value() == 0);
}

TEMPLATE_TEST_CASE("inserting again is false and changes nothing", "[dag]", DERIVA_DAG_FIXTURES) {
  TestType f;
  REQUIRE(f.dag.insert(f.k(10), f.keys({1, 2, 1})).value());
  REQUIRE_FALSE(f.dag.insert(f.k(10), f.keys({1, 2, 1})).value());
  REQUIRE(f.dag.size() == 1);
  REQUIRE(f.dag.direct_dependents(f.k(1)).value() == f.keys({10}));
}

TEMPLATE_TEST_CASE("inserting with other inputs is refused and changes nothing", "[dag]", DERIVA_DAG_FIXTURES) {
  TestType f;
  REQUIRE(f.dag.insert(f.k(10), f.keys({1, 2})).value());
  for (const auto& other : {f.keys({2, 1}), f.keys({1}), f.keys({1, 2, 2}), f.keys({})}) {
    const auto refused = f.dag.insert(f.k(10), other);
    REQUIRE(refused.error().code() == Errc::invalid_argument);
    REQUIRE_THAT(refused.error().message(), deriva::test::contains("other inputs"));
  }
  REQUIRE(*f.dag.inputs(f.k(10)).value() == f.keys({1, 2}));
  REQUIRE(f.dag.check());
}

TEMPLATE_TEST_CASE("dependents are found for one, many and a leaf", "[dag]", DERIVA_DAG_FIXTURES) {
  TestType f;
  REQUIRE(f.dag.direct_dependents(f.k(1)).value().empty());
  insert_diamonds(f.dag);
  REQUIRE(f.dag.direct_dependents(f.k(2)).value() == f.keys({11}));
  REQUIRE(sorted(f.dag.direct_dependents(f.k(10)).value()) == sorted(f.keys({20, 31})));
  REQUIRE(sorted(f.dag.direct_dependents(f.k(11)).value()) == sorted(f.keys({20, 40})));
  REQUIRE(f.dag.direct_dependents(f.k(40)).value().empty());
  std::vector<typename TestType::Key> seen;
  REQUIRE(f.dag.for_each_dependent(f.k(10), [&](const auto& key) { return seen.push_back(key), false; }));
  REQUIRE(seen.size() == 1);
  REQUIRE((seen.front() == f.k(20) || seen.front() == f.k(31)));
}

TEMPLATE_TEST_CASE("transitive dependents miss none, repeat none and come after what they depend on", "[dag]",
                   DERIVA_DAG_FIXTURES) {
  TestType f;
  insert_diamonds(f.dag);
  const std::vector<std::pair<std::uint64_t, std::vector<std::uint64_t>>> expected = {
      {1, {10, 11, 20, 30, 31, 40}}, {2, {11, 20, 30, 31, 40}}, {10, {20, 30, 31, 40}}, {30, {40}}, {40, {}}, {99, {}}};
  for (const auto& [root, dependents] : expected) {
    const auto found = f.dag.transitive_dependents(f.k(root)).value();
    std::vector<typename TestType::Key> keys;
    for (const std::uint64_t n : dependents) keys.push_back(f.k(n));
    REQUIRE(sorted(found) == sorted(keys));
    REQUIRE(dependencies_first(f.dag, found));
  }
}

TEMPLATE_TEST_CASE("the order to resolve in has dependencies first, the target last and no leaves", "[dag]",
                   DERIVA_DAG_FIXTURES) {
  TestType f;
  insert_diamonds(f.dag);
  const auto order = f.dag.resolve_order(f.k(40)).value();
  REQUIRE(sorted(order) == sorted(f.keys({10, 11, 20, 30, 31, 40})));
  REQUIRE(order.back() == f.k(40));
  REQUIRE(dependencies_first(f.dag, order));
  REQUIRE(f.dag.resolve_order(f.k(11)).value() == f.keys({11}));
  REQUIRE(f.dag.resolve_order(f.k(1)).value().empty());
  REQUIRE(f.dag.resolve_order(f.k(99)).value().empty());
  std::vector<typename TestType::Key> two;
  REQUIRE(f.dag.for_each_in_order(f.k(40), [&](const auto& key) { return two.push_back(key), two.size() < 2; }));
  REQUIRE(two == std::vector(order.begin(), order.begin() + 2));
}

TEMPLATE_TEST_CASE("depth is that of the deepest input", "[dag]", DERIVA_DAG_FIXTURES) {
  TestType f;
  insert_diamonds(f.dag);
  REQUIRE(f.dag.depth(f.k(1)).value() == 0);
  REQUIRE(f.dag.depth(f.k(99)).value() == 0);
  REQUIRE(f.dag.depth(f.k(10)).value() == 1);
  REQUIRE(f.dag.depth(f.k(20)).value() == 2);
  REQUIRE(f.dag.depth(f.k(30)).value() == 3);
  REQUIRE(f.dag.depth(f.k(40)).value() == 4);
}

TEMPLATE_TEST_CASE("removing clears both directions", "[dag]", DERIVA_DAG_FIXTURES) {
  TestType f;
  insert_diamonds(f.dag);
  REQUIRE(f.dag.remove(f.k(40)).value());
  REQUIRE_FALSE(f.dag.contains(f.k(40)).value());
  REQUIRE(f.dag.direct_dependents(f.k(30)).value().empty());
  REQUIRE(f.dag.direct_dependents(f.k(11)).value() == f.keys({20}));
  REQUIRE(f.dag.size() == 5);
  REQUIRE(f.dag.check());
  REQUIRE(f.dag.remove(f.k(30)).value());
  REQUIRE(f.dag.resolve_order(f.k(31)).value().size() == 4);
  REQUIRE(f.dag.resolve_order(f.k(30)).value().empty());
  REQUIRE(f.dag.check());
}

TEMPLATE_TEST_CASE("removing the unknown is false", "[dag]", DERIVA_DAG_FIXTURES) {
  TestType f;
  insert_diamonds(f.dag);
  REQUIRE_FALSE(f.dag.remove(f.k(99)).value());
  REQUIRE_FALSE(f.dag.remove(f.k(1)).value());  // a leaf
  REQUIRE(f.dag.remove(f.k(40)).value());
  REQUIRE_FALSE(f.dag.remove(f.k(40)).value());
  REQUIRE(f.dag.size() == 5);
}

TEMPLATE_TEST_CASE("removing from the middle of a chain is refused and says how many depend on it", "[dag]",
                   DERIVA_DAG_FIXTURES) {
  TestType f;
  insert_diamonds(f.dag);
  const auto two = f.dag.remove(f.k(20));
  REQUIRE(two.error().code() == Errc::invalid_argument);
  REQUIRE_THAT(two.error().message(), deriva::test::contains("2 keys depend on it"));
  REQUIRE_THAT(f.dag.remove(f.k(30)).error().message(), deriva::test::contains("1 key depends on it"));
  REQUIRE(f.dag.size() == 6);
  REQUIRE(f.dag.check());
}

TEMPLATE_TEST_CASE("a removed entry can come back, with other inputs too", "[dag]", DERIVA_DAG_FIXTURES) {
  TestType f;
  REQUIRE(f.dag.insert(f.k(10), f.keys({1, 2, 2})).value());
  REQUIRE(f.dag.remove(f.k(10)).value());
  REQUIRE(f.dag.size() == 0);
  REQUIRE(f.dag.insert(f.k(10), f.keys({3})).value());
  REQUIRE(*f.dag.inputs(f.k(10)).value() == f.keys({3}));
  REQUIRE(f.dag.direct_dependents(f.k(2)).value().empty());
  REQUIRE(f.dag.check());
}

TEMPLATE_TEST_CASE("an input may get its entry after those that depend on it", "[dag]", DERIVA_DAG_FIXTURES) {
  TestType f;
  REQUIRE(f.dag.insert(f.k(3), f.keys({2})).value());
  REQUIRE(f.dag.depth(f.k(3)).value() == 1);
  REQUIRE(f.dag.insert(f.k(2), f.keys({1})).value());
  REQUIRE(f.dag.depth(f.k(3)).value() == 2);
  REQUIRE(f.dag.resolve_order(f.k(3)).value() == f.keys({2, 3}));
  REQUIRE(f.dag.transitive_dependents(f.k(1)).value() == f.keys({2, 3}));
  REQUIRE(f.dag.check());
}

TEMPLATE_TEST_CASE("an entry that is its own input is refused", "[dag]", DERIVA_DAG_FIXTURES) {
  TestType f;
  const auto refused = f.dag.insert(f.k(10), f.keys({1, 10, 2}));
  REQUIRE(refused.error().code() == Errc::cycle);
  REQUIRE(refused.error().template path<typename TestType::Key>() == f.keys({10, 10}));
  REQUIRE(f.dag.size() == 0);
  REQUIRE(f.dag.direct_dependents(f.k(1)).value().empty());
  REQUIRE(f.dag.check());
}

TEMPLATE_TEST_CASE("a longer cycle is refused with its path, whichever entry closes it", "[dag]", DERIVA_DAG_FIXTURES) {
  for (std::uint64_t length = 2; length <= 6; ++length) {
    for (std::uint64_t last = 0; last < length; ++last) {
      TestType f;
      const auto inputs_of = [&](std::uint64_t n) { return f.keys({50 + n, (n + 1) % length, 60}); };
      typename TestType::Entries entries;
      for (std::uint64_t n = 0; n < length; ++n) {
        entries.emplace_back(f.k(50 + n), f.keys({70}));  // another way to go, without a cycle
        if (n != last) entries.emplace_back(f.k(n), inputs_of(n));
      }
      REQUIRE(f.dag.insert_many(entries).value() == 2 * length - 1);
      const auto refused = f.dag.insert(f.k(last), inputs_of(last));
      REQUIRE(refused.error().code() == Errc::cycle);
      REQUIRE(refused.error().template path<typename TestType::Key>().size() == length + 1);
      REQUIRE(is_cycle(refused.error(), f.k(last), [&](const auto& key) {
        return key == f.k(last) ? inputs_of(last) : f.dag.inputs(key).value().value();
      }));
      REQUIRE_FALSE(f.dag.contains(f.k(last)).value());
      REQUIRE(f.dag.size() == 2 * length - 1);
      REQUIRE(f.dag.check());
    }
  }
}

TEMPLATE_TEST_CASE("entries of one call may refer to each other in any order", "[dag]", DERIVA_DAG_FIXTURES) {
  TestType f;
  REQUIRE(f.dag.insert(f.k(10), f.keys({1})).value());
  const typename TestType::Entries entries = {
      {f.k(30), f.keys({20, 10})}, {f.k(10), f.keys({1})}, {f.k(20), f.keys({10})}, {f.k(20), f.keys({10})}};
  REQUIRE(f.dag.insert_many(entries).value() == 2);
  REQUIRE(f.dag.size() == 3);
  REQUIRE(f.dag.resolve_order(f.k(30)).value() == f.keys({10, 20, 30}));
  REQUIRE(f.dag.insert_many(entries).value() == 0);
  REQUIRE(f.dag.insert_many(typename TestType::Entries()).value() == 0);
  REQUIRE(f.dag.check());
}

TEMPLATE_TEST_CASE("one bad entry of a call refuses all of them", "[dag]", DERIVA_DAG_FIXTURES) {
  TestType f;
  REQUIRE(f.dag.insert(f.k(10), f.keys({1})).value());
  const typename TestType::Entries conflict = {{f.k(20), f.keys({10, 2, 2})}, {f.k(10), f.keys({2})}};
  REQUIRE(f.dag.insert_many(conflict).error().code() == Errc::invalid_argument);
  const typename TestType::Entries cycle = {
      {f.k(20), f.keys({30})}, {f.k(30), f.keys({40, 10})}, {f.k(40), f.keys({20})}};
  const auto refused = f.dag.insert_many(cycle);
  REQUIRE(is_cycle(refused.error(), f.k(40), [&](const auto& key) {
    return std::find_if(cycle.begin(), cycle.end(), [&](const auto& entry) { return entry.first == key; })->second;
  }));
  REQUIRE(f.dag.size() == 1);
  for (const auto& key : f.keys({2, 10, 20, 30, 40})) REQUIRE(f.dag.direct_dependents(key).value().empty());
  REQUIRE(f.dag.direct_dependents(f.k(1)).value() == f.keys({10}));
  REQUIRE(f.dag.check());
}

TEMPLATE_TEST_CASE("wide, deep and many: 50 inputs, fan-in of 100, a chain of 50, 1,000 entries", "[dag]",
                   DERIVA_DAG_FIXTURES) {
  TestType f;
  typename TestType::Entries entries;
  std::vector<typename TestType::Key> fifty;
  for (std::uint64_t n = 0; n < 50; ++n) fifty.push_back(f.k(1'000 + n));
  entries.emplace_back(f.k(1), fifty);
  for (std::uint64_t n = 0; n < 100; ++n) entries.emplace_back(f.k(2'000 + n), f.keys({1}));
  for (std::uint64_t n = 0; n < 50; ++n) entries.emplace_back(f.k(3'000 + n), f.keys({n == 0 ? 2'000 : 2'999 + n}));
  for (std::uint64_t n = 0; n < 849; ++n) entries.emplace_back(f.k(4'000 + n), f.keys({n % 10, 3'000 + n % 50}));
  REQUIRE(f.dag.insert_many(entries).value() == 1'000);
  REQUIRE(f.dag.size() == 1'000);
  REQUIRE(*f.dag.inputs(f.k(1)).value() == fifty);
  REQUIRE(f.dag.direct_dependents(f.k(1)).value().size() == 100 + 85);
  REQUIRE(f.dag.depth(f.k(3'049)).value() == 52);
  REQUIRE(f.dag.resolve_order(f.k(3'049)).value().size() == 52);
  REQUIRE(f.dag.transitive_dependents(f.k(1'000)).value().size() == 1'000);
  REQUIRE(f.dag.check());
}

TEMPLATE_TEST_CASE("100 inserts and removes leave nothing behind", "[dag]", DERIVA_DAG_FIXTURES) {
  TestType f;
  for (std::uint64_t n = 0; n < 100; ++n) REQUIRE(f.dag.insert(f.k(100 + n), f.keys({n % 7, 99 + n})).value());
  for (std::uint64_t n = 100; n-- > 0;) REQUIRE(f.dag.remove(f.k(100 + n)).value());
  REQUIRE(f.dag.size() == 0);
  for (std::uint64_t n = 0; n < 200; ++n) REQUIRE(f.dag.direct_dependents(f.k(n)).value().empty());
  REQUIRE(f.dag.check());
}
