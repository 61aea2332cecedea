#include <fstream>
#include <string>
#include <vector>

#include <deriva/storage/table.hpp>

#include "support/catch.hpp"
#include "unit/store/store_fixture.hpp"

namespace deriva::test {
namespace {

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
  const Address address = f.store->put_recipe(recipe_of("f", {named("a")})).value();
  std::vector<std::byte> encoding = encode(recipe_of("f", {named("a")}));
  SECTION("garbage") { put_raw(f, "recipes", address, as_bytes("garbage")); }
  SECTION("nothing") { put_raw(f, "recipes", address, {}); }
  SECTION("cut off") { put_raw(f, "recipes", address, BytesView(encoding).first(20)); }
  SECTION("a flipped bit in an input") {
    encoding[encoding.size() - 10] ^= std::byte{1};
    put_raw(f, "recipes", address, encoding);
  }
  SECTION("another recipe") { put_raw(f, "recipes", address, encode(recipe_of("g"))); }
  require_damaged(f, address);
}

TEST_CASE("store: a record of a result that has another size is corrupted") {
  StoreFixture f;
  const Address address = f.store->put_recipe(recipe_of("f")).value();
  put_raw(f, "results", address, as_bytes("short"));
  REQUIRE(f.store->result(address).error().code() == Errc::corrupted);
  REQUIRE(f.store->value(address).error().code() == Errc::corrupted);
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
