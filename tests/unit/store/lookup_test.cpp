#include <deriva/store/lookup.hpp>

#include <string>
#include <variant>
#include <vector>

#include <deriva/storage/table.hpp>

#include "support/catch.hpp"
#include "unit/store/store_fixture.hpp"

namespace deriva::test {
namespace {

TEST_CASE("look-up: tells leaf, recipe, result and nothing apart, in the order of the addresses") {
  StoreFixture f;
  const Recipe plain = recipe_of("f", {named("x")});
  const Address recipe = f.store->put_recipe(plain).value();
  const Address done = f.store->put_recipe(recipe_of("g")).value();
  const ComputedResult result = computed(done, "four");
  REQUIRE(f.store->put_results({&result, 1}).has_value());
  const std::vector<Address> addresses{named("nothing"), f.store->put_leaf(as_bytes("leaf!")).value(), recipe, done};
  std::vector<Lookup::Answer> answers;
  auto visit = [&](std::size_t index, Lookup::Answer answer) {
    REQUIRE(index == answers.size());
    answers.push_back(std::move(answer));
  };
  REQUIRE(f.store->look_up(addresses, visit).has_value());
  REQUIRE(std::holds_alternative<Lookup::Unknown>(answers.at(0)));
  REQUIRE(std::get<Lookup::Stored>(answers.at(1)).size == 5);
  REQUIRE(std::get<Lookup::Computable>(answers.at(2)).recipe == plain);
  REQUIRE_FALSE(std::get<Lookup::Computable>(answers.at(2)).evicted);
  REQUIRE(std::get<Lookup::Stored>(answers.at(3)).size == 4);
}

TEST_CASE("look-up: a result whose value is gone can be computed again, and is whole after that") {
  StoreFixture f;
  const std::string value = GENERATE(std::string(1'000, 'm'), std::string(100'000, 'l'));
  const Address address = f.store->put_recipe(recipe_of("f")).value();
  const ComputedResult result = computed(address, value);
  REQUIRE(f.store->put_results({&result, 1}).has_value());
  Environment environment = f.environment();
  const auto small = Table<Digest, BytesView>::open(environment, "blobs").value();
  const auto large = Table<Digest, std::uint64_t>::open(environment, "blob_files").value();
  REQUIRE(environment
              .write([&](WriteTransaction& transaction) -> Result<void> {
                REQUIRE(small.erase(transaction, Digest::of(as_bytes(value))).value() !=
                        large.erase(transaction, Digest::of(as_bytes(value))).value());
                return {};
              })
              .has_value());
  REQUIRE(std::get<Lookup::Computable>(f.look_up(address)).evicted);
  REQUIRE_FALSE(f.store->value(address).value());
  REQUIRE(f.store->result(address).value());

  REQUIRE(f.store->put_results({&result, 1}).has_value());
  REQUIRE(std::get<Lookup::Stored>(f.look_up(address)).size == value.size());
  REQUIRE(as_text(*f.store->value(address).value()) == value);
}

}  // namespace
}  // namespace deriva::test
