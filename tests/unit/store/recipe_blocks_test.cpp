#include "store/recipe_blocks.hpp"

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "unit/store/damage.hpp"
#include "unit/store/store_fixture.hpp"

namespace deriva::test {
namespace {

using detail::RecipeBlock;
using detail::RecipeBlocks;
using detail::StoreReader;
using Id = StoreReader::Id;

template <class Use>
void read(const StoreFixture& f, Use use) {
  REQUIRE(detail::read(*f.store, use).has_value());
}

/// Recipes of all kinds, some of them computed or removed: blocks of 127 nodes, and one that is not full.
std::vector<Address> put_all_kinds(StoreFixture& f, std::size_t count, bool with_results = true) {
  std::mt19937 random(7);
  std::vector<Recipe> recipes;
  std::vector<Address> addresses{f.store->put_leaf(as_bytes("leaf")).value(), named("missing")};
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<Address> inputs;
    const std::size_t most = random() % 20 == 0 ? 120 : 4;
    for (std::size_t n = random() % (most + 1); n > 0; --n) inputs.push_back(addresses[random() % addresses.size()]);
    Params params{{"n", static_cast<std::int64_t>(i)}};
    if (random() % 20 == 0) params.emplace("long", std::string(100, 'p'));
    recipes.push_back(recipe_of("f" + std::to_string(i % 3), std::move(inputs), std::move(params)));
    addresses.push_back(recipes.back().address());
  }
  f.store->put_recipes(recipes).value();
  if (!with_results) return addresses;
  std::vector<ComputedResult> results;
  for (std::size_t i = 2; i < addresses.size(); i += 9) results.push_back(computed(addresses[i], "value"));
  REQUIRE(f.store->put_results(results).has_value());
  REQUIRE(f.store->remove(addresses.back()).has_value());
  return addresses;
}

TEST_CASE("recipe blocks: what is decoded is another recipe than the one that is looked up") {
  StoreFixture f;
  put_all_kinds(f, 500);
  read(f, [&](StoreReader& reader) {
    RecipeBlock block;
    std::size_t decoded = 0;
    std::size_t recipes = 0;
    for (std::uint32_t number = 0; number <= reader.shape().block_of(reader.end() - 1); ++number) {
      REQUIRE(reader.decode(number, block));
      for (Id id = reader.shape().first_of(number); id < reader.shape().first_of(number + 1); ++id) {
        const RecipeBlock::Entry& entry = block.entry(id);
        const bool is_decoded = entry.function != RecipeBlock::no_function;
        if (id >= reader.end()) {
          REQUIRE_FALSE(is_decoded);
          continue;
        }
        const StoreReader::Answer answer = reader.look_up(id);
        recipes += answer.known == StoreReader::Known::recipe ? 1U : 0U;
        if (!is_decoded) continue;
        ++decoded;
        REQUIRE(answer.known == StoreReader::Known::recipe);
        REQUIRE((!answer.evicted && answer.compute_time.count() == 0));
        REQUIRE(entry.function == answer.function);
        REQUIRE(std::ranges::equal(block.inputs_of(entry), answer.inputs));
        REQUIRE(std::ranges::equal(block.params_of(entry), answer.params));
      }
    }
    REQUIRE(recipes < 460);           // The others are computed,
    REQUIRE(decoded > recipes - 60);  // and few recipes are not in their block.
    REQUIRE(decoded < recipes);
  });
}

TEST_CASE("recipe blocks: a block is decoded although it is damaged, or has no recipe, or many results") {
  StoreFixture f;
  const std::vector<Address> addresses = put_all_kinds(f, 300, false);
  std::vector<ComputedResult> results;
  for (std::size_t i = 140; i < 180; ++i) results.push_back(computed(addresses[i], "value"));
  REQUIRE(f.store->put_results(results).has_value());
  RecipeBlock block;
  read(f, [&](StoreReader& reader) {
    REQUIRE(reader.decode(0, block));
    REQUIRE_FALSE(reader.decode(1, block));
    REQUIRE(block.number == RecipeBlock::no_block);
    REQUIRE(reader.decode(2, block));
  });
  Environment environment = f.environment();
  const auto flip = [](std::vector<std::byte>& bytes) { bytes[bytes.size() / 2] ^= std::byte{4}; };
  damage(environment, "dag.nodes.0", 1, flip);
  f.reopen();
  read(f, [&](StoreReader& reader) {
    REQUIRE_FALSE(reader.decode(0, block));
    REQUIRE(reader.decode(2, block));
  });
}

TEST_CASE("recipe blocks: blocks are decoded of which one recipe is asked for each, or never again after that") {
  StoreFixture f;
  put_all_kinds(f, std::size_t{127} * 40, false);
  read(f, [&](StoreReader& reader) {
    RecipeBlocks blocks;
    blocks.begin(reader);
    std::size_t decoded = 0;
    for (std::uint32_t number = 0; number < 40; ++number) {
      decoded += blocks.open(reader.shape().first_of(number) + 5) != nullptr ? 1U : 0U;
    }
    REQUIRE((decoded > 0 && decoded < 5));
    REQUIRE_FALSE(blocks.lie_together());
    const Id first = reader.shape().first_of(30);
    std::size_t asked = 0;
    while (blocks.open(first + static_cast<Id>(asked)) == nullptr) REQUIRE(++asked < 20);  // Neighbours.
    REQUIRE(blocks.find(first + 126)->number == 30);
    REQUIRE(blocks.find(first + 127) == nullptr);
    for (int i = 0; i < 1'000; ++i) blocks.count_use();
    REQUIRE(blocks.lie_together());
    for (std::uint32_t number = 0; number < 40; ++number) {
      REQUIRE(blocks.open(reader.shape().first_of(number)) != nullptr);
    }
    blocks.begin(reader);
    REQUIRE(blocks.find(first) == nullptr);  // That was the snapshot before.
  });
}

}  // namespace
}  // namespace deriva::test
