#include "recipes.hpp"

#include <algorithm>
#include <random>
#include <span>
#include <utility>

namespace bench {
namespace {

using deriva::Address;
using deriva::Recipe;

Address leaf_of(std::uint64_t number) { return Address::of_leaf(std::as_bytes(std::span(&number, 1))); }

}  // namespace

std::vector<Recipe> make_recipes(std::size_t count, std::int64_t first) {
  constexpr std::size_t recent = 1'000;
  std::mt19937_64 random(1 + static_cast<std::uint64_t>(first));
  std::discrete_distribution<std::size_t> input_counts{0, 25, 45, 20, 8, 2};  // 2.17 on average
  std::vector<Recipe> recipes;
  std::vector<Address> addresses;
  recipes.reserve(count);
  addresses.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<Address> inputs(input_counts(random));
    for (Address& input : inputs) {
      const std::uint64_t kind = random() % 10;
      if (i == 0 || kind == 0) {
        input = leaf_of(random());
      } else {
        const std::size_t back = random() % (kind < 9 ? std::min(i, recent) : i);
        input = addresses[i - 1 - back];
      }
    }
    recipes.push_back({{"compile", "2"}, std::move(inputs), {{"unit", first + static_cast<std::int64_t>(i)}}});
    addresses.push_back(recipes.back().address());
  }
  return recipes;
}

}  // namespace bench
