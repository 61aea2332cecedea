#include "support/relaxed_store.hpp"

#include <algorithm>
#include <cstddef>

namespace bench {

deriva::Store open_relaxed(const std::filesystem::path& directory) {
  std::filesystem::remove_all(directory);
  deriva::StoreOptions options;
  options.environment.durability = deriva::Durability::relaxed;
  return deriva::Store::open(directory, options).value();
}

deriva::Address put_in_batches(deriva::Store& store, std::span<const deriva::Recipe> recipes) {
  constexpr std::size_t batch = 100'000;
  deriva::Address last;
  for (; !recipes.empty(); recipes = recipes.subspan(std::min(batch, recipes.size()))) {
    last = store.put_recipes(recipes.first(std::min(batch, recipes.size()))).value().back();
  }
  return last;
}

}  // namespace bench
