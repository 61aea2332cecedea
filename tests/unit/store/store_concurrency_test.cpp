#include <atomic>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <stdlib.h>  // mkdtemp is POSIX, not std

#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "unit/store/store_fixture.hpp"

namespace deriva::test {
namespace {

TEST_CASE("store: eight threads put leaves, recipes and results, some the same, and read them back") {
  constexpr int threads = 8;
  constexpr int each = 100;
  StoreFixture f;
  const Address hub = f.store->put_leaf(as_bytes("hub")).value();
  std::atomic<int> wrong{0};
  auto work = [&](int thread) {
    for (std::int64_t i = 0; i < each; ++i) {
      const std::int64_t number = i % 2 == 0 ? i : thread * 1'000 + i;  // Half of them are everybody's.
      const std::string text = "leaf " + std::to_string(number);
      const Address leaf = f.store->put_leaf(as_bytes(text)).value();
      const Recipe recipe = recipe_of("f", {leaf, hub}, {{"i", number}});
      const Address address = f.store->put_recipe(recipe).value();
      const ComputedResult result = computed(address, text + "!");
      if (!f.store->put_results({&result, 1})) ++wrong;
      if (*f.store->recipe(address).value() != recipe) ++wrong;
      if (as_text(*f.store->value(leaf).value()) != text) ++wrong;
      if (as_text(*f.store->value(address).value()) != text + "!") ++wrong;
    }
  };
  std::vector<std::thread> running;
  for (int thread = 0; thread < threads; ++thread) running.emplace_back(work, thread);
  for (std::thread& thread : running) thread.join();
  REQUIRE(wrong == 0);
  constexpr std::uint64_t distinct = each / 2 + threads * each / 2;
  const StoreStats stats = f.store->stats().value();
  REQUIRE(stats.recipes == distinct);
  REQUIRE(stats.results == distinct);
  REQUIRE(stats.values == 1 + distinct);  // the results are small
  REQUIRE(f.store->dag().direct_dependents(hub).value().size() == distinct);
}

TEST_CASE("store: a recipe is never seen without its edges") {
  StoreFixture f;
  const Address a = named("a");
  std::vector<Recipe> recipes;
  for (std::int64_t i = 0; i < 300; ++i) recipes.push_back(recipe_of("f", {a}, {{"i", i}}));
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::thread reader([&] {
    while (!done) {
      for (const Recipe& recipe : recipes) {
        const Address address = recipe.address();
        if (!f.store->recipe(address).value()) break;
        if (f.store->dag().inputs(address).value() != recipe.inputs) ++wrong;
      }
    }
  });
  for (const Recipe& recipe : recipes) f.store->put_recipe(recipe).value();
  done = true;
  reader.join();
  REQUIRE(wrong == 0);
}

TEST_CASE("store: of processes that open a new one at the same time, one finds it half made or loses what it wrote") {
  std::string pattern = (std::filesystem::temp_directory_path() / "deriva-store-XXXXXX").string();
  const std::filesystem::path place = ::mkdtemp(pattern.data());
  for (int round = 0; round < 40; ++round) {
    const std::filesystem::path directory = place / std::to_string(round);
    std::vector<pid_t> children;
    for (int n = 0; n < 6; ++n) {
      children.push_back(start([&] {
        Store store = open_relaxed(directory);
        const std::string text(200'000, static_cast<char>('a' + n));
        const Address leaf = store.put_leaf(as_bytes(text)).value();
        const Address recipe = store.put_recipe(recipe_of("f", {leaf}, {{"n", std::int64_t{n}}})).value();
        return as_text(*store.value(leaf).value()) == text && store.recipe(recipe).value() ? 0 : 2;
      }));
    }
    for (const pid_t child : children) REQUIRE(code_of(child) == 0);
    REQUIRE(open_relaxed(directory).stats().value().recipes == 6);
  }
  std::filesystem::remove_all(place);
}

}  // namespace
}  // namespace deriva::test
