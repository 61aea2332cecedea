#include <deriva/observe/inputs_of.hpp>

#include "unit/store/store_fixture.hpp"

namespace deriva {
namespace {

TEST_CASE("inputs of: a store tells a recipe's inputs in order, and nothing of what it does not know") {
  test::StoreFixture fixture;
  const Address leaf = fixture.store->put_leaf(as_bytes("leaf")).value();
  const Address recipe = fixture.store->put_recipe(test::recipe_of("f", {leaf, test::named("x"), leaf})).value();
  const InputsOf inputs = inputs_from(*fixture.store);
  CHECK(inputs(recipe) == std::vector<Address>{leaf, test::named("x"), leaf});
  CHECK(inputs(leaf).empty());
  CHECK(inputs(test::named("unknown")).empty());
}

}  // namespace
}  // namespace deriva
