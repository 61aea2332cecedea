#include "store/recipes_of.hpp"

#include <optional>

namespace deriva::detail {

Result<void> for_each_recipe_of(const Store& store, FunctionRef<bool(const FunctionId&)> is_one,
                                FunctionRef<Result<void>(const Address&)> visit) {
  Result<void> outcome;
  auto visit_any = [&](const Address& address) {
    const Result<std::optional<Recipe>> recipe = store.recipe(address);
    if (!recipe) {
      outcome = recipe.error();
    } else if (*recipe && is_one((*recipe)->function)) {
      outcome = visit(address);
    }
    return outcome.has_value();
  };
  const Result<void> walked = store.dag().for_each(visit_any);
  return walked ? outcome : walked;
}

}  // namespace deriva::detail
