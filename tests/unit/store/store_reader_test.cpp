#include "store/store_reader.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <deriva/storage/table.hpp>

#include "support/catch.hpp"
#include "unit/store/store_fixture.hpp"

namespace deriva::test {
namespace {

using detail::StoreReader;
using Known = StoreReader::Known;

/// Reads on one snapshot; what goes wrong in it fails the test.
template <class Use>
void read(const StoreFixture& f, Use use) {
  REQUIRE(detail::read(*f.store, use).has_value());
}

std::vector<Address> addresses(StoreReader& reader, std::span<const StoreReader::Id> ids) {
  std::vector<Address> out;
  for (const StoreReader::Id id : ids) out.push_back(reader.address(id));
  return out;
}

TEST_CASE("store reader: tells leaf, recipe, result and nothing apart") {
  StoreFixture f;
  const Address leaf = f.store->put_leaf(as_bytes("leaf!")).value();
  const Address missing = named("missing");
  const Recipe recipe = recipe_of("f", {missing, leaf, missing}, {{"n", std::int64_t{7}}});
  const Address plain = f.store->put_recipe(recipe).value();
  const Address done = f.store->put_recipe(recipe_of("g", {plain})).value();
  const ComputedResult result = computed(done, "four");
  REQUIRE(f.store->put_results({&result, 1}).has_value());
  read(f, [&](StoreReader& reader) {
    REQUIRE_FALSE(reader.find(named("nobody refers to it")));
    const auto a = reader.look_up(*reader.find(missing));
    REQUIRE((a.known == Known::nothing && !a.is_leaf && !a.evicted));
    const auto b = reader.look_up(*reader.find(leaf));
    REQUIRE((b.known == Known::stored && b.is_leaf && b.size == 5));
    const auto c = reader.look_up(*reader.find(plain));
    REQUIRE((c.known == Known::recipe && !c.is_leaf && !c.evicted));
    REQUIRE(addresses(reader, c.inputs) == recipe.inputs);
    REQUIRE(*reader.function(c.function).value() == recipe.function);
    deriva::Params params{{"of another", true}};
    REQUIRE(detail::decode_params(c.params, params).has_value());
    REQUIRE(params == recipe.params);
    const auto d = reader.look_up(*reader.find(done));
    REQUIRE((d.known == Known::stored && !d.is_leaf && d.size == 4));
    REQUIRE(d.compute_time == result.compute_time);
    REQUIRE(addresses(reader, d.inputs) == std::vector{plain});
    REQUIRE(d.params.empty());
    REQUIRE(detail::decode_params(d.params, params).has_value());
    REQUIRE(params.empty());
  });
}

TEST_CASE("store reader: a result whose value is gone is to be computed, and says what it took") {
  StoreFixture f;
  const Address address = f.store->put_recipe(recipe_of("f")).value();
  const ComputedResult result = computed(address, std::string(1'000, 'v'));
  REQUIRE(f.store->put_results({&result, 1}).has_value());
  Environment environment = f.environment();
  const auto blobs = Table<Digest, BytesView>::open(environment, "blobs").value();
  auto erase = [&](WriteTransaction& transaction) { return blobs.erase(transaction, Digest::of(result.value.view())); };
  REQUIRE(environment.write(erase).value());
  read(f, [&](StoreReader& reader) {
    const auto answer = reader.look_up(*reader.find(address));
    REQUIRE((answer.known == Known::recipe && answer.evicted));
    REQUIRE(answer.compute_time == result.compute_time);
    REQUIRE_FALSE(reader.value(*reader.find(address)).value());
  });
}

TEST_CASE("store reader: values and recipes come back by number, also large ones") {
  StoreFixture f;
  const std::string text = GENERATE(std::string(), std::string("small"), std::string(100'000, 'l'));
  const Address leaf = f.store->put_leaf(as_bytes(text + "leaf")).value();
  const Recipe recipe = recipe_of("f", {leaf});
  const Address address = f.store->put_recipe(recipe).value();
  const ComputedResult result = computed(address, text);
  REQUIRE(f.store->put_results({&result, 1}).has_value());
  std::optional<StoredBlob> leaf_value;
  std::optional<StoredBlob> value;
  read(f, [&](StoreReader& reader) {
    leaf_value = reader.value(*reader.find(leaf)).value();
    value = reader.value(*reader.find(address)).value();
    REQUIRE(reader.recipe(*reader.find(address)).value() == recipe);
    REQUIRE_FALSE(reader.recipe(*reader.find(leaf)).value());
  });
  REQUIRE(as_text(detail::load(*f.store, *leaf_value).value()) == text + "leaf");
  REQUIRE(as_text(detail::load(*f.store, *value).value()) == text);
}

TEST_CASE("store reader: what its user returns comes back, and a number that no node has is refused") {
  StoreFixture f;
  const auto failing = [](StoreReader&) -> Result<void> { return Error(Errc::cancelled); };
  REQUIRE(detail::read(*f.store, failing).error().code() == Errc::cancelled);
  const auto beyond = [](StoreReader& reader) { static_cast<void>(reader.look_up(reader.end())); };
  REQUIRE(detail::read(*f.store, beyond).error().code() == Errc::invalid_argument);
}

TEST_CASE("store reader: the numbering is the same until the graph is compacted") {
  StoreFixture f;
  f.store->put_recipe(recipe_of("f", {named("a")})).value();
  std::uint64_t before = 0;
  std::uint64_t after = 0;
  read(f, [&](StoreReader& reader) { before = reader.numbering(); });
  f.store->put_recipe(recipe_of("g", {named("a")})).value();
  f.reopen();
  read(f, [&](StoreReader& reader) { REQUIRE(reader.numbering() == before); });
  Environment environment = f.environment();
  REQUIRE(PersistentDag<>::open(environment).value().compact().has_value());
  read(f, [&](StoreReader& reader) { after = reader.numbering(); });
  REQUIRE(before < after);
}

}  // namespace
}  // namespace deriva::test
