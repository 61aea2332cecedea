#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <deriva/dag/persistent_dag.hpp>

#include "support/catch.hpp"
#include "unit/dag/persistent_fixture.hpp"

namespace deriva::test {

/// Graphs of a sequence of entries, the same for every graph, whose small insertions go to the journal from the second
/// on.
struct JournaledGraph {
  using Dag = PersistentDag<Key8>;
  using Fixture = JournaledFixture<Key8>;

  static Environment open_durable(const GraphDirectory& directory) {
    return open_environment(directory, Durability::sync);
  }

  static Dag open_dag(Environment& environment, const std::string& prefix = "dag.") {
    PersistentDagOptions options;
    options.prefix = prefix;
    options.journal_after = 0;
    return Dag::open(environment, options).value();
  }

  static std::vector<Key8> inputs_of(std::uint64_t n) {
    std::vector<Key8> inputs;
    if (n > 0) inputs.push_back(make_key<Key8>(n - 1));
    if (n % 3 == 0) inputs.push_back(make_key<Key8>(1'000'000 + n));
    if (n % 50 == 7) inputs.resize(100, make_key<Key8>(0));  // too many for a block
    return inputs;
  }

  /// Inserts one by one the entries from one number to below another.
  static void insert_range(Dag& dag, std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t n = from; n < to; ++n) REQUIRE(dag.insert(make_key<Key8>(n), inputs_of(n)).value());
  }

  /// What is wrong with a graph that should have the entries below `count` and no others.
  static std::string wrong_with(const Dag& dag, std::uint64_t count) {
    if (const auto checked = dag.check(); !checked) return checked.error().message();
    if (dag.size() != count) return std::to_string(dag.size()) + " entries instead of " + std::to_string(count);
    for (std::uint64_t n = 0; n < count; ++n) {
      const auto inputs = dag.inputs(make_key<Key8>(n));
      if (!inputs) return inputs.error().message();
      if (*inputs != inputs_of(n)) return "entry " + std::to_string(n) + " has other inputs";
      if (n > 0 && dag.direct_dependents(make_key<Key8>(n - 1)).value().front() != make_key<Key8>(n)) {
        return "entry " + std::to_string(n) + " is not the first dependent of its input";
      }
    }
    return "";
  }

  static std::string wrong_after_crash(const GraphDirectory& crashed, std::uint64_t count) {
    Environment environment = open_durable(crashed);
    return wrong_with(open_dag(environment), count);
  }

  static std::uint64_t appends(const Environment& environment) { return environment.stats().value().appends; }
};

}  // namespace deriva::test
