#include "compute/edge_pool.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"

namespace deriva::test {
namespace {

using detail::Edge;
using detail::EdgePool;
using detail::PageMemory;

struct Run {
  std::uint32_t first;
  std::uint32_t length;
  std::uint32_t mark;
};

Run take(EdgePool& pool, std::uint32_t length, std::uint32_t mark) {
  const Run run{pool.take(length), length, mark};
  for (std::uint32_t i = 0; i < length; ++i) pool.run(run.first)[i] = {mark, i, mark, i};
  return run;
}

/// By number as by place.
bool is_whole(EdgePool& pool, const Run& run) {
  for (std::uint32_t i = 0; i < run.length; ++i) {
    const Edge& edge = pool[run.first + i];
    if (&edge != pool.run(run.first) + i || edge.input != run.mark || edge.dependent != i) return false;
  }
  return true;
}

TEST_CASE("edge pool: runs of any length lie in one another, or not in one piece") {
  std::mt19937 random(1);
  PageMemory memory(std::make_shared<detail::BlockPool>());
  EdgePool pool(memory);
  std::vector<Run> runs{take(pool, EdgePool::longest, 0), take(pool, 1, 1), take(pool, EdgePool::longest - 1, 2)};
  for (std::uint32_t mark = 3; mark < 3'000; ++mark) {
    const std::uint32_t most = mark % 50 == 0 ? EdgePool::longest : mark % 5 == 0 ? 5'000 : 20;
    runs.push_back(take(pool, 1 + static_cast<std::uint32_t>(random()) % most, mark));
    if (random() % 3 != 0) continue;
    std::swap(runs[random() % runs.size()], runs.back());
    REQUIRE(is_whole(pool, runs.back()));
    pool.give_back(runs.back().first, runs.back().length);
    runs.pop_back();
  }
  REQUIRE(std::all_of(runs.begin(), runs.end(), [&](const Run& run) { return is_whole(pool, run); }));
}

TEST_CASE("edge pool: params reach into another run, or are not as they were") {
  PageMemory memory(std::make_shared<detail::BlockPool>());
  EdgePool pool(memory);
  for (const std::uint32_t edges : {0U, 1U, 3U}) {
    for (std::uint32_t bytes = 1; bytes < 100; ++bytes) {
      const std::string params(bytes, 'p');
      const std::uint32_t length = EdgePool::length_of(edges, bytes);
      REQUIRE((length - edges) * sizeof(Edge) < bytes + 4 + sizeof(Edge));
      const Run run = take(pool, length, bytes);
      const Run behind = take(pool, 1, 7);
      EdgePool::put_params(pool.run(run.first), edges, as_bytes(params));
      REQUIRE(std::ranges::equal(EdgePool::params_of(pool.run(run.first), edges), as_bytes(params)));
      REQUIRE(is_whole(pool, behind));
      REQUIRE(is_whole(pool, {run.first, edges, bytes}));
    }
  }
  REQUIRE(EdgePool::length_of(5, 0) == 5);
}

TEST_CASE("edge pool: a run that was given back is not taken again") {
  PageMemory memory(std::make_shared<detail::BlockPool>());
  EdgePool pool(memory);
  for (const std::uint32_t length : {1U, 8U, 9U, 4'096U, 4'097U, EdgePool::longest}) {
    const std::uint32_t first = pool.take(length);
    pool.give_back(first, length);
    REQUIRE(pool.take(length) == first);
  }
}

}  // namespace
}  // namespace deriva::test
