#include <deriva/dag/traversal.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <rapidcheck.h>

#include "support/catch.hpp"

namespace {

using deriva::Errc;
using deriva::Error;
using deriva::Result;
using Key = std::uint64_t;
using Keys = std::vector<Key>;

/// A graph that counts the keys asked for, and can fail at one of them.
struct Graph {
  using key_type = Key;
  std::map<Key, Keys> inputs;
  std::map<Key, Keys> dependents;
  std::optional<Key> broken;
  mutable std::size_t asked = 0;

  void add(Key key, const Keys& of) {
    inputs[key] = of;
    for (const Key input : of) {
      Keys& list = dependents[input];
      if (std::find(list.begin(), list.end(), key) == list.end()) list.push_back(key);
    }
  }

  template <class Visitor>
  Result<bool> for_each_input(const Key& key, Visitor&& visitor) const {
    ++asked;
    if (key == broken) return Error(Errc::io_error, "broken");
    const auto found = inputs.find(key);
    if (found == inputs.end()) return false;
    for (const Key& input : found->second) {
      if (!visitor(input)) break;
    }
    return true;
  }
  template <class Visitor>
  Result<void> for_each_dependent(const Key& key, Visitor&& visitor) const {
    ++asked;
    if (key == broken) return Error(Errc::io_error, "broken");
    const auto found = dependents.find(key);
    if (found == dependents.end()) return {};
    for (const Key& dependent : found->second) {
      if (!visitor(dependent)) break;
    }
    return {};
  }
};
static_assert(deriva::DagView<Graph>);

/// 1,000 layers of two, each node with both of the layer below: 2^1,000 ways.
Graph ladder() {
  Graph graph;
  for (Key layer = 1; layer <= 1'000; ++layer) {
    for (Key side = 0; side < 2; ++side) graph.add(2 * layer + side, {2 * layer - 2, 2 * layer - 1});
  }
  return graph;
}

/// Every edge runs from a number to a smaller one.
Graph random_graph(const std::vector<std::vector<std::uint8_t>>& choices) {
  Graph graph;
  for (std::size_t n = 0; n < choices.size(); ++n) {
    Keys inputs;
    for (const std::uint8_t choice : choices[n]) inputs.push_back(choice % (n + 10));
    graph.add(n + 10, inputs);
  }
  return graph;
}

/// Whether `to` can be reached from `from` along inputs.
bool reaches(const Graph& graph, Key from, Key to) {
  Keys queue = {from};
  for (std::size_t next = 0; next < queue.size(); ++next) {
    if (queue[next] == to) return true;
    const auto found = graph.inputs.find(queue[next]);
    if (found == graph.inputs.end()) continue;
    for (const Key input : found->second) {
      if (std::find(queue.begin(), queue.end(), input) == queue.end()) queue.push_back(input);
    }
  }
  return false;
}

}  // namespace

TEST_CASE("a node with many ways to it is asked for once", "[traversal]") {
  const Graph graph = ladder();
  REQUIRE(deriva::resolve_order(graph, 2'000).value().size() == 2 * 999 + 1);
  REQUIRE(graph.asked == 2 * 999 + 1 + 2);
  graph.asked = 0;
  REQUIRE(deriva::depth(graph, 2'000).value() == 1'000);
  REQUIRE(graph.asked == 2 * 999 + 1 + 2);
  graph.asked = 0;
  REQUIRE(deriva::transitive_dependents(graph, 1).value().size() == 2'000);
  REQUIRE(graph.asked == 2'001);
}

TEST_CASE("inputs are resolved in their order", "[traversal]") {
  Graph graph;
  graph.add(1, {});
  graph.add(2, {});
  graph.add(3, {2, 9, 1, 2});
  REQUIRE(deriva::resolve_order(graph, 3).value() == Keys{2, 1, 3});
}

TEST_CASE("an error of the view ends every traversal", "[traversal]") {
  Graph graph = ladder();
  graph.broken = 501;
  REQUIRE(deriva::resolve_order(graph, 2'000).error().code() == Errc::io_error);
  REQUIRE(deriva::depth(graph, 2'000).error().code() == Errc::io_error);
  REQUIRE(deriva::transitive_dependents(graph, 1).error().code() == Errc::io_error);
  REQUIRE(deriva::transitive_dependents(graph, 501).error().code() == Errc::io_error);
  REQUIRE(deriva::find_cycle(graph, 0, Keys{2'001}).error().code() == Errc::io_error);
}

TEST_CASE("a new key that nothing depends on cannot close a cycle, and is not searched", "[traversal]") {
  const Graph graph = ladder();
  REQUIRE(deriva::find_cycle(graph, 5'000, Keys{2'000, 2'001, 7}).value().empty());
  REQUIRE(graph.asked == 1);
}

TEST_CASE("the search for a cycle costs as much as the cheaper direction", "[traversal]") {
  Graph graph = ladder();
  for (Key n = 0; n < 1'000; ++n) graph.add(10'000 + n, {9'000});  // a hub without an entry, which gets one now
  REQUIRE(deriva::find_cycle(graph, 9'000, Keys{8'000, 8'001}).value().empty());
  REQUIRE(graph.asked <= 4);
  graph.asked = 0;
  graph.add(20'000, {19'999});  // one dependent, and the whole ladder below
  REQUIRE(deriva::find_cycle(graph, 19'999, Keys{2'001}).value().empty());
  REQUIRE(graph.asked <= 8);
}

TEST_CASE("the path of a cycle runs to inputs, whichever side of the search finds it", "[traversal]") {
  for (const bool wide_above : {false, true}) {
    Graph graph;
    graph.add(10, {9});
    graph.add(11, {10});
    graph.add(12, {11});
    for (Key n = 0; n < 100; ++n) graph.add(100 + n, {wide_above ? Key{9} : Key{1}});
    Keys inputs = {12};
    for (Key n = 0; n < 100; ++n) inputs.push_back(wide_above ? 12 : 100 + n);
    REQUIRE(deriva::find_cycle(graph, 9, inputs).value() == Keys{9, 12, 11, 10, 9});
  }
}

TEST_CASE("property: a cycle is found exactly when an input depends on the key, and its path is one", "[traversal]") {
  REQUIRE(rc::check([](const std::vector<std::vector<std::uint8_t>>& choices, const Keys& wanted, std::uint8_t at) {
    const Graph graph = random_graph(choices);
    const Key key = at % 10;  // has dependents, and no entry
    Keys inputs;
    for (const Key input : wanted) inputs.push_back(input % (choices.size() + 10));
    const bool expected =
        std::any_of(inputs.begin(), inputs.end(), [&](Key input) { return reaches(graph, input, key); });
    const Keys path = deriva::find_cycle(graph, key, inputs).value();
    RC_ASSERT(path.empty() == !expected);
    if (path.empty()) return;
    RC_ASSERT(path.front() == key && path.back() == key && path.size() >= 2);
    for (std::size_t step = 0; step + 1 < path.size(); ++step) {
      const Keys& of = step == 0 ? inputs : graph.inputs.at(path[step]);
      RC_ASSERT(std::find(of.begin(), of.end(), path[step + 1]) != of.end());
    }
  }));
}

TEST_CASE("property: orders are complete, without repetition, dependencies first", "[traversal]") {
  REQUIRE(rc::check([](const std::vector<std::vector<std::uint8_t>>& choices, std::uint8_t at) {
    const Graph graph = random_graph(choices);
    const Key root = at % (choices.size() + 10);
    const auto in_order = [&](const Keys& order) {
      std::map<Key, std::size_t> position;
      for (std::size_t n = 0; n < order.size(); ++n) RC_ASSERT(position.emplace(order[n], n).second);
      for (const Key key : order) {
        for (const Key input : graph.inputs.at(key)) {
          if (position.count(input) != 0) RC_ASSERT(position[input] < position[key]);
        }
      }
    };
    const Keys order = deriva::resolve_order(graph, root).value();
    const Keys dependents = deriva::transitive_dependents(graph, root).value();
    in_order(order);
    in_order(dependents);
    for (const auto& [key, inputs] : graph.inputs) {
      RC_ASSERT((std::count(order.begin(), order.end(), key) == 1) == reaches(graph, root, key));
      RC_ASSERT((std::count(dependents.begin(), dependents.end(), key) == 1) ==
                (key != root && reaches(graph, key, root)));
    }
    std::map<Key, std::uint32_t> depths;  // keys ascend, so inputs come first
    for (const auto& [key, inputs] : graph.inputs) {
      for (const Key input : inputs) depths[key] = std::max(depths[key], 1 + depths[input]);
    }
    RC_ASSERT(deriva::depth(graph, root).value() == depths[root]);
  }));
}
