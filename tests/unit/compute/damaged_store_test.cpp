// A store whose file was damaged gives the value that a computation has, or none.
#include <cstdint>
#include <string>
#include <vector>

#include "support/damaged_file.hpp"
#include "unit/compute/compute_fixture.hpp"
#include "unit/store/damage.hpp"

namespace deriva::test {
namespace {

struct Expected {
  std::vector<Address> targets;
  std::vector<std::string> values;
};

/// Layers of recipes whose values say how they came to be, some of them stored.
Expected fill(ComputeFixture& f) {
  Expected expected;
  std::vector<Address> below;
  for (int i = 0; i < 40; ++i) below.push_back(f.leaf("leaf " + std::to_string(i) + ";"));
  for (int layer = 0; layer < 8; ++layer) {
    std::vector<Address> above;
    for (std::size_t i = 0; i < below.size(); ++i) {
      const std::string prefix = std::to_string(layer) + "." + std::to_string(i) + "(";
      above.push_back(f.recipe("concat", {below[i], below[(i + 7) % below.size()]}, {{"prefix", prefix}}));
    }
    below = std::move(above);
    for (std::size_t i = 0; i < below.size(); i += 5) expected.targets.push_back(below[i]);
  }
  SyncExecutor executor(*f.store, f.registry);
  for (const Address& target : expected.targets) {
    expected.values.emplace_back(as_text(executor.materialize(target).value().view()));
  }
  return expected;
}

Outcome materialize_all(const std::filesystem::path& directory, const FunctionRegistry& registry,
                        const Expected& expected, Recompute recompute) {
  StoreOptions options;
  options.environment.durability = Durability::relaxed;
  Result<Store> store = Store::open(directory, options);
  if (!store) return refused;
  SyncExecutor executor(*store, registry);
  bool all = true;
  for (std::size_t i = 0; i < expected.targets.size(); ++i) {
    MaterializeOptions how;
    how.recompute = recompute;
    const Result<Blob> value = executor.materialize(expected.targets[i], how);
    if (value && as_text(value->view()) != expected.values[i]) return wrong;
    all = all && value.has_value();
  }
  return all ? unharmed : refused;
}

TEST_CASE("a damaged file gives a value that no function returned", "[damage]") {
  ComputeFixture f;
  const Expected expected = fill(f);
  const FunctionRegistry& registry = f.registry;
  f.store.reset();
  const Recompute recompute = GENERATE(Recompute::nothing, Recompute::everything);
  const Damage damage = GENERATE(flip_a_bit, zero_a_page, scramble_a_page, swap_two_pages);
  struct Copy : StoreDirectory {
    Copy() : StoreDirectory(std::uintmax_t{256} << 20U) {}
  };
  const auto use = [&](const std::filesystem::path& directory) {
    return materialize_all(directory, registry, expected, recompute);
  };
  REQUIRE(percent_refused<Copy>(f.directory.path(), damage, use) >= 5);
}

TEST_CASE("damage to what is stored of a recipe goes into a computation", "[damage]") {
  ComputeFixture f;
  std::vector<Address> targets;
  for (std::int64_t i = 0; i < 200; ++i) {
    targets.push_back(f.recipe("concat", {f.leaf(std::to_string(i))}, {{"prefix", "p" + std::to_string(i)}}));
  }
  Environment environment = Environment::open(f.directory.path(), {.durability = Durability::relaxed}).value();
  const detail::graph::Id id = node_of(environment, targets[3]);
  const auto flip = [](std::vector<std::byte>& bytes) { bytes[bytes.size() - 40] ^= std::byte{1}; };
  SECTION("params") { damage(environment, "dag.payloads.0", 0, flip); }
  SECTION("inputs") { damage(environment, "dag.nodes.0", 1, flip); }
  SECTION("addresses") { damage(environment, "dag.nodes.0", 0, flip); }
  f.reopen();
  REQUIRE(id < detail::graph::BlockShape(32).nodes());
  SyncExecutor executor(*f.store, f.registry);
  REQUIRE(executor.materialize(targets[3]).error().code() == Errc::corrupted);
  REQUIRE(f.runs("concat") == 0);
  REQUIRE(f.store->recipe(targets[3]).error().code() == Errc::corrupted);
}

}  // namespace
}  // namespace deriva::test
