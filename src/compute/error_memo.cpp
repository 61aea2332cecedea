#include "compute/error_memo.hpp"

namespace deriva::detail {

void ErrorMemo::keep(const Address& recipe, const Error& error) {
  if (most_ == 0 || error.error_class() != ErrorClass::deterministic) return;
  if (!errors_.insert_or_assign(recipe, error).second) return;
  order_.push_back(recipe);
  if (order_.size() <= most_) return;
  errors_.erase(order_.front());
  order_.pop_front();
}

const Error* ErrorMemo::find(const Address& recipe) const {
  if (errors_.empty()) return nullptr;
  const auto found = errors_.find(recipe);
  return found == errors_.end() ? nullptr : &found->second;
}

}  // namespace deriva::detail
