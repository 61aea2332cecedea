#include "recipes.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <string>
#include <utility>

namespace bench {
namespace {

using deriva::Address;
using deriva::Recipe;

Address leaf_of(std::uint64_t number) { return Address::of_leaf(std::as_bytes(std::span(&number, 1))); }

class GraphBuilder {
 public:
  Address add(std::vector<Address> inputs) {
    const auto number = static_cast<std::int64_t>(graph_.recipes.size());
    graph_.recipes.push_back({{"node", "1"}, std::move(inputs), {{"number", number}}});
    return graph_.target = graph_.recipes.back().address();
  }

  /// One level of nodes above another, each with up to `width` inputs.
  std::vector<Address> gather(const std::vector<Address>& below, std::size_t width) {
    std::vector<Address> above;
    for (std::size_t i = 0; i < below.size(); i += width) {
      const auto begin = below.begin() + static_cast<std::ptrdiff_t>(i);
      const auto end = below.begin() + static_cast<std::ptrdiff_t>(std::min(i + width, below.size()));
      above.push_back(add({begin, end}));
    }
    return above;
  }

  Graph take() { return std::move(graph_); }

 private:
  Graph graph_;
};

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

Graph make_graph(Shape shape, std::size_t nodes) {
  GraphBuilder builder;
  std::vector<Address> level;
  switch (shape) {
    case Shape::chain: {
      Address last = builder.add({});
      for (std::size_t i = 1; i < nodes; ++i) last = builder.add({last});
      return builder.take();
    }
    case Shape::wide: {
      const Address source = builder.add({});
      for (std::size_t i = 0; i < nodes; ++i) level.push_back(builder.add({source}));
      while (level.size() > 1) level = builder.gather(level, 1'000);
      return builder.take();
    }
    case Shape::tree:
      break;
  }
  for (std::size_t i = 0; i < (nodes + 1) / 2; ++i) level.push_back(builder.add({}));
  while (level.size() > 1) level = builder.gather(level, 2);
  return builder.take();
}

}  // namespace bench
