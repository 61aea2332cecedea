#include <fstream>
#include <string>
#include <vector>

#include <deriva/storage/table.hpp>

#include "support/catch.hpp"
#include "unit/store/damage.hpp"
#include "unit/store/store_fixture.hpp"

namespace deriva::test {
namespace {

using detail::graph::Part;

void put_raw(const StoreFixture& f, std::string_view table, const Address& key, BytesView value) {
  Environment environment = f.environment();
  const auto raw = Table<Address, BytesView>::open(environment, table).value();
  REQUIRE(
      environment.write([&](WriteTransaction& transaction) { return raw.put(transaction, key, value); }).has_value());
}

void require_damaged(const StoreFixture& f, const Address& address) {
  const auto recipe = f.store->recipe(address);
  REQUIRE(recipe.has_error());
  REQUIRE(recipe.error().code() == Errc::corrupted);
  REQUIRE(*recipe.error().address() == address);
  auto ignore = [](std::size_t, const Lookup::Answer&) {};
  REQUIRE(f.store->look_up({&address, 1}, ignore).error().code() == Errc::corrupted);
}

TEST_CASE("store: damaged bytes of a recipe are corrupted, never a recipe") {
  StoreFixture f;
  f.store->put_recipe(recipe_of("g", {named("b")})).value();
  const Address address = f.store->put_recipe(recipe_of("f", {named("a")}, {{"key", std::int64_t{7}}})).value();
  std::vector<Recipe> others;  // The block of the log is full.
  for (std::int64_t i = 0; i < 130; ++i) others.push_back(recipe_of("g", {}, {{"i", i}}));
  REQUIRE(f.store->put_recipes(others).has_value());
  Environment environment = f.environment();
  const detail::graph::Id id = node_of(environment, address);
  const auto in_payload = [&](std::size_t offset, unsigned char byte) {
    forge_payload(environment, id, offset, std::byte{byte});
  };
  SECTION("a function that nobody knows") { in_payload(0, 99); }
  SECTION("the number of a function that does not end") { in_payload(0, 0x80); }
  SECTION("another function") { in_payload(0, 0); }
  SECTION("params that are none") { in_payload(1, 99); }
  SECTION("other params") { in_payload(7, 16); }
  SECTION("no payload at all") {
    forge(environment, "dag.payloads.0", 0, Part::payloads, 0,
          [](std::vector<std::byte>& block) { block.assign(270, std::byte{0}); });
  }
  SECTION("a flipped bit in an input") {
    const detail::graph::Id input = node_of(environment, named("a"));
    forge(environment, "dag.nodes.0", 0, Part::addresses, 0,
          [&](std::vector<std::byte>& keys) { keys[32 * input + 9] ^= std::byte{1}; });
  }
  SECTION("another function of that number") {
    const auto functions = Table<BytesView, BytesView>::open(environment, "functions").value();
    const std::string key{0, 0, 0, 0, 1};
    auto put = [&](WriteTransaction& t) { return functions.put(t, as_bytes(key), as_bytes("\1h1")); };
    REQUIRE(environment.write(put).has_value());
  }
  f.reopen();
  require_damaged(f, address);
}

TEST_CASE("store: a record of a result that has another size is corrupted") {
  StoreFixture f;
  const Address address = f.store->put_recipe(recipe_of("f")).value();
  const ComputedResult result = computed(address, "value");
  REQUIRE(f.store->put_results({&result, 1}).has_value());
  Environment environment = f.environment();
  const std::size_t size = GENERATE(1U, 55U, 57U, 60U, 62U);
  const detail::graph::Id id = node_of(environment, address);
  forge(environment, "dag.records.0", id, Part::record, id,
        [&](std::vector<std::byte>& record) { record.resize(size); });
  REQUIRE(f.store->result(address).error().code() == Errc::corrupted);
  REQUIRE(f.store->value(address).error().code() == Errc::corrupted);
}

TEST_CASE("store: damaged bytes of a small result are corrupted, never a value") {
  StoreFixture f;
  const Address address = f.store->put_recipe(recipe_of("f")).value();
  const ComputedResult result = computed(address, "value");
  REQUIRE(f.store->put_results({&result, 1}).has_value());
  Environment environment = f.environment();
  const detail::graph::Id id = node_of(environment, address);
  forge(environment, "dag.records.0", id, Part::record, id,
        [](std::vector<std::byte>& record) { record[58] = std::byte{'V'}; });
  REQUIRE(f.store->value(address).error().code() == Errc::corrupted);
  REQUIRE(*f.store->value(address).error().address() == address);
}

TEST_CASE("store: damaged bytes of a value are corrupted, never a value") {
  StoreFixture f;
  const std::string small = "small";
  const std::string large(100'000, 'l');
  const Address small_leaf = f.store->put_leaf(as_bytes(small)).value();
  const Address large_leaf = f.store->put_leaf(as_bytes(large)).value();
  const ComputedResult result = computed(named("r"), large);
  REQUIRE(f.store->put_results({&result, 1}).has_value());
  f.reopen();

  put_raw(f, "blobs", small_leaf, as_bytes("smell"));
  REQUIRE(f.store->value(small_leaf).error().code() == Errc::corrupted);

  const std::string hex = large_leaf.to_string();
  const auto file = f.directory / "blobs" / hex.substr(0, 2) / hex.substr(2);
  REQUIRE(std::filesystem::exists(file));
  SECTION("a flipped bit") {
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(50'000);
    bytes.put('m');
  }
  SECTION("cut off") { std::filesystem::resize_file(file, 99'999); }
  SECTION("empty") { std::filesystem::resize_file(file, 0); }
  SECTION("gone") { std::filesystem::remove(file); }
  REQUIRE(f.store->value(large_leaf).error().code() == Errc::corrupted);
  REQUIRE(f.store->value(named("r")).error().code() == Errc::corrupted);
}

}  // namespace
}  // namespace deriva::test
