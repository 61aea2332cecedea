#include <deriva/core/params.hpp>

namespace deriva {

List::List(std::vector<Value> items) noexcept : items_(std::move(items)) {}

List::List(const List& other) {
  struct Copy {
    const List* from;
    List* to;
  };
  std::vector<Copy> pending;
  for (Copy copy{&other, this};;) {
    std::vector<Value>& to = copy.to->items_;
    to.reserve(copy.from->items_.size());  // Pending copies point at these items: they must not move.
    for (const Value& item : copy.from->items_) {
      if (const auto* list = std::get_if<List>(&item)) {
        to.emplace_back(std::in_place_type<List>);
        pending.push_back({list, std::get_if<List>(&to.back())});
      } else {
        to.push_back(item);
      }
    }
    if (pending.empty()) return;
    copy = pending.back();
    pending.pop_back();
  }
}

List::List(List&& other) noexcept : items_(std::move(other.items_)) {}

List& List::operator=(const List& other) {
  List copy(other);
  items_.swap(copy.items_);
  return *this;
}

List& List::operator=(List&& other) noexcept {
  List taken(std::move(other));  // First, for `other` may be inside of what is about to be destroyed.
  items_.swap(taken.items_);
  return *this;
}

// Neither recursive nor allocating. Items are dropped from the back; a list in their way is replaced by the vectors
// that wait for it: `parent` ends with the list that `current` was taken from, which meanwhile keeps the parent of
// `parent`.
List::~List() {
  std::vector<Value> current = std::move(items_);
  std::vector<Value> parent;
  for (std::size_t depth = 0;; --depth) {
    while (!current.empty()) {
      auto* list = std::get_if<List>(&current.back());
      if (list == nullptr || list->items_.empty()) {
        current.pop_back();
        continue;
      }
      list->items_.swap(parent);
      current.swap(parent);
      ++depth;
    }
    if (depth == 0) return;
    current.swap(parent);
    parent.swap(std::get_if<List>(&current.back())->items_);
    current.pop_back();
  }
}

bool operator==(const List& a, const List& b) {
  struct Pair {
    const List* a;
    const List* b;
  };
  std::vector<Pair> pending;
  for (Pair pair{&a, &b};;) {
    const std::vector<Value>& left = pair.a->items_;
    const std::vector<Value>& right = pair.b->items_;
    if (left.size() != right.size()) return false;
    for (std::size_t i = 0; i < left.size(); ++i) {
      if (left[i].index() != right[i].index()) return false;
      if (const auto* list = std::get_if<List>(&left[i])) {
        pending.push_back({list, std::get_if<List>(&right[i])});
      } else if (left[i] != right[i]) {
        return false;
      }
    }
    if (pending.empty()) return true;
    pair = pending.back();
    pending.pop_back();
  }
}

}  // namespace deriva
