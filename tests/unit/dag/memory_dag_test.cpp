#include <deriva/dag/memory_dag.hpp>

#include <cstdint>
#include <utility>
#include <vector>

#include "unit/dag/dag_fixture.hpp"

namespace {

template <class K>
struct Memory : deriva::test::KeyFixture<K> {
  using Dag = deriva::BasicMemoryDag<K>;
  Dag dag;
};

using Memory8 = Memory<deriva::test::Key8>;
using Memory32 = Memory<deriva::Address>;
using Memory64 = Memory<deriva::test::Key64>;

}  // namespace

#define DERIVA_DAG_FIXTURES Memory8, Memory32, Memory64
#include "unit/dag/dag_suite.hpp"

static_assert(deriva::DagView<deriva::MemoryDag>);

TEST_CASE("a chain of 1,000,000 in memory needs no stack", "[dag]") {
  deriva::BasicMemoryDag<std::uint64_t> dag;
  constexpr std::uint64_t length = 1'000'000;
  for (std::uint64_t n = 1; n <= length; ++n) REQUIRE(dag.insert(n, {n - 1}).value());
  deriva::test::run_on_small_stack([&] {
    const auto order = dag.resolve_order(length).value();
    const bool in_order = order.size() == length && order.front() == 1 && order.back() == length;
    const auto dependents = dag.transitive_dependents(0).value();
    const bool all = dependents == order;
    const std::uint32_t depth = dag.depth(length).value();
    const auto closing = dag.insert(0, {length});
    CHECK(in_order);
    CHECK(all);
    CHECK(depth == length);
    CHECK(closing.error().path<std::uint64_t>().size() == length + 2);
  });
}

TEST_CASE("a hub with 200,000 dependents in memory costs an insert no more than a look-up", "[dag]") {
  deriva::BasicMemoryDag<std::uint64_t> dag;
  for (std::uint64_t n = 1; n <= 200'000; ++n) REQUIRE(dag.insert(n, {0}).value());
  REQUIRE(dag.direct_dependents(0).value().size() == 200'000);
  REQUIRE(dag.insert(0, {300'000, 300'001}).value());  // dependents, but no way down: no walk through all of them
  REQUIRE(dag.depth(7).value() == 2);
}
