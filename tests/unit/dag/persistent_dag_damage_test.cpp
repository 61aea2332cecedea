#include <deriva/dag/persistent_dag.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <lmdb.h>
#include <deriva/storage/table.hpp>

#include "support/catch.hpp"
#include "support/damaged_file.hpp"
#include "unit/dag/persistent_fixture.hpp"

namespace {

using deriva::Address;
using deriva::DagSnapshot;
using deriva::Environment;
using deriva::Result;
using deriva::WriteTransaction;
using deriva::test::GraphDirectory;
using deriva::test::make_key;
using deriva::test::Outcome;
using Dag = deriva::PersistentDag<Address>;
using Keys = std::vector<Address>;

Address k(std::uint64_t n) { return make_key<Address>(n); }

Dag open_small(Environment& environment) {
  deriva::PersistentDagOptions options;
  options.tail_nodes = 256;
  return Dag::open(environment, options).value();
}

/// Something of everything: far and near edges, hubs, a long list, late entries, removed ones, an unmerged tail.
void fill(const GraphDirectory& directory) {
  Environment environment = deriva::test::open_environment(directory);
  Dag dag = open_small(environment);
  std::mt19937_64 random(1);
  for (std::uint64_t n = 0; n < 1'500;) {
    std::vector<std::pair<Address, Keys>> batch;
    for (const std::uint64_t end = n + 1 + random() % 60; n < end; ++n) {
      Keys inputs = {k(1'000'000 + n % 7)};
      for (std::uint64_t i = random() % 3; n > 0 && i > 0; --i) inputs.push_back(k(random() % n));
      if (n % 50 == 0) inputs.push_back(k(n + 1 + random() % 100));
      for (std::uint64_t i = 0; n == 700 && i < 80; ++i) inputs.push_back(k(random() % n));
      batch.emplace_back(k(n), inputs);
    }
    if (const auto added = dag.insert_many(batch); !added) REQUIRE(added.error().code() == deriva::Errc::cycle);
    if (n % 5 == 0) REQUIRE(dag.force_remove(k(random() % n)));
  }
  REQUIRE(dag.check());
  REQUIRE(dag.stats().value().tail > 50);
  REQUIRE(dag.stats().value().late);
  // Damage to the newest of LMDB's two roots brings back the state before the last commit, which a file cannot tell
  // alone. So the last commits here do not concern the graph.
  auto other = deriva::Table<std::uint64_t, std::uint64_t>::open(environment, "other").value();
  for (std::uint64_t n = 0; n < 2; ++n) {
    REQUIRE(environment.write([&](WriteTransaction& transaction) { return other.put(transaction, n, n); }));
  }
}

/// All that a graph has to say.
struct Answers {
  Keys all;
  std::map<std::string, std::pair<std::optional<Keys>, Keys>> neighbours;  // by the key in hexadecimal
  bool operator==(const Answers&) const = default;
};

Result<Answers> ask_all(const Dag& dag) {
  return dag.snapshot([](const DagSnapshot<Address>& at) -> Result<Answers> {
    Answers answers;
    const auto note = [&](const Address& key) { return answers.all.push_back(key), true; };
    if (const auto visited = at.for_each(note); !visited) return visited.error();
    std::vector<std::uint64_t> asked;
    for (std::uint64_t n = 0; n < 1'700; ++n) asked.push_back(n);
    for (std::uint64_t n = 1'000'000; n < 1'000'007; ++n) asked.push_back(n);
    for (const std::uint64_t n : asked) {
      const auto inputs = at.inputs(k(n));
      if (!inputs) return inputs.error();
      const auto dependents = at.direct_dependents(k(n));
      if (!dependents) return dependents.error();
      answers.neighbours[k(n).to_string()] = {*inputs, *dependents};
    }
    return answers;
  });
}

Outcome open_and_ask(const std::filesystem::path& directory, const Answers& expected) {
  deriva::EnvironmentOptions options;
  options.durability = deriva::Durability::relaxed;
  Result<Environment> environment = Environment::open(directory, options);
  if (!environment) return deriva::test::refused;
  const Result<Dag> dag = Dag::open(*environment);
  if (!dag || !dag->check()) return deriva::test::refused;
  const Result<Answers> answers = ask_all(*dag);
  if (!answers) return deriva::test::refused;
  return *answers == expected ? deriva::test::unharmed : deriva::test::wrong;
}

void damage_and_ask(deriva::test::Damage damage, std::uint64_t least_refused_percent) {
  const GraphDirectory intact;
  fill(intact);
  Answers expected;
  {
    Environment environment = deriva::test::open_environment(intact);
    expected = ask_all(open_small(environment)).value();
  }
  const auto use = [&](const std::filesystem::path& directory) { return open_and_ask(directory, expected); };
  REQUIRE(deriva::test::percent_refused<GraphDirectory>(intact.path(), damage, use) >= least_refused_percent);
}

}  // namespace

TEST_CASE("a flipped bit makes a graph answer wrongly", "[dag][damage]") {
  damage_and_ask(deriva::test::flip_a_bit, 20);
}
TEST_CASE("a page of zeros makes a graph answer wrongly", "[dag][damage]") {
  damage_and_ask(deriva::test::zero_a_page, 30);
}
TEST_CASE("a page of noise makes a graph answer wrongly", "[dag][damage]") {
  damage_and_ask(deriva::test::scramble_a_page, 30);
}
TEST_CASE("two pages that changed places make a graph answer wrongly", "[dag][damage]") {
  damage_and_ask(deriva::test::swap_two_pages, 30);
}
TEST_CASE("a file that is cut off makes a graph answer wrongly", "[dag][damage]") {
  damage_and_ask(deriva::test::cut_off, 80);
}

TEST_CASE("a graph whose state is gone or cut short is taken for an empty one", "[dag][damage]") {
  const std::size_t left = GENERATE(std::size_t{0}, std::size_t{8});
  const GraphDirectory directory;
  {
    Environment environment = deriva::test::open_environment(directory);
    Dag dag = Dag::open(environment).value();
    for (std::uint32_t n = 1; n <= 300; ++n) REQUIRE(dag.insert(k(n), Keys{k(n - 1)}).value());
  }
  Environment environment = deriva::test::open_environment(directory);
  const Result<void> damaged = environment.write([&](WriteTransaction& transaction) -> Result<void> {
    MDB_dbi unnamed = 0;
    std::string name = "dag.state";
    std::string bytes(left, '\1');
    MDB_val key{name.size(), name.data()};
    MDB_val value{bytes.size(), bytes.data()};
    REQUIRE(mdb_dbi_open(transaction.native(), nullptr, 0, &unnamed) == 0);
    REQUIRE(mdb_del(transaction.native(), unnamed, &key, nullptr) == 0);
    if (left > 0) REQUIRE(mdb_put(transaction.native(), unnamed, &key, &value, 0) == 0);
    return {};
  });
  REQUIRE(damaged.has_value());
  REQUIRE(Dag::open(environment).error().code() == deriva::Errc::corrupted);
}
