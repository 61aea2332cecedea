#include "dag/tail.hpp"

#include <cstdint>
#include <map>
#include <random>
#include <vector>

#include "support/catch.hpp"

using deriva::detail::graph::EdgeMap;
using deriva::detail::graph::Id;
using deriva::detail::graph::Tail;

TEST_CASE("the tail loses nodes, or finds those of other hashes", "[dag]") {
  Tail tail;
  std::mt19937 random(1);
  for (int round = 0; round < 3; ++round) {
    tail.reset(1'000);
    std::multimap<std::uint32_t, Id> model;
    for (Id id = 1'000; id < 4'000; ++id) {
      const auto hash = static_cast<std::uint32_t>(random() % 500);
      tail.add(hash);
      model.emplace(hash, id);
    }
    REQUIRE(tail.end() == 4'000);
    for (std::uint32_t hash = 0; hash < 600; ++hash) {
      std::vector<Id> found;
      tail.for_each_with_hash(hash, [&](Id id) { return found.push_back(id), true; });
      std::vector<Id> expected;
      for (auto [at, end] = model.equal_range(hash); at != end; ++at) expected.push_back(at->second);
      std::sort(found.begin(), found.end());
      REQUIRE(found == expected);
    }
  }
}

TEST_CASE("edges in memory get lost or repeated", "[dag]") {
  EdgeMap edges;
  std::map<Id, std::vector<Id>> model;
  std::mt19937 random(2);
  for (Id dependent = 0; dependent < 3'000; ++dependent) {
    for (int n = 0; n < 4; ++n) {
      const Id input = static_cast<Id>(random()) % 100;
      edges.add(input, dependent);
      auto& list = model[input];
      if (list.empty() || list.back() != dependent) list.push_back(dependent);
    }
    if (random() % 5 == 0) {
      auto& list = model[dependent % 100];
      const Id victim = list.empty() ? 7 : list[random() % list.size()];
      REQUIRE(edges.remove(dependent % 100, victim) == (std::erase(list, victim) > 0));
    }
  }
  std::size_t count = 0;
  for (const auto& [input, list] : model) {
    std::vector<Id> found;
    edges.for_each(input, [&](Id dependent) { return found.push_back(dependent), true; });
    REQUIRE(found == list);
    count += list.size();
  }
  std::vector<std::uint64_t> all;
  edges.collect(all);
  REQUIRE(all.size() == count);
  edges.clear();
  REQUIRE(edges.empty());
  REQUIRE(edges.for_each(5, [](Id) { return false; }));
}
