#include <deriva/core/params.hpp>

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "support/catch.hpp"

using deriva::List;
using deriva::Params;
using deriva::Value;

// What hosts rely on, word for word.
static_assert(
    std::is_same_v<Value, std::variant<bool, std::int64_t, double, std::string, std::vector<std::byte>, List>>);
static_assert(std::is_same_v<Params, boost::container::flat_map<std::string, Value>>);
static_assert(std::is_nothrow_move_constructible_v<Value>);
static_assert(std::is_nothrow_move_assignable_v<List>);
static_assert(std::is_nothrow_destructible_v<List>);

namespace {

List list_of(std::vector<Value> items) { return List(std::move(items)); }

/// A list in a list in a list..., with a number beside each.
List deep_list(std::size_t depth, std::int64_t innermost = 0) {
  List list = list_of({innermost});
  for (std::size_t i = 1; i < depth; ++i) {
    std::vector<Value> items;
    items.emplace_back(std::int64_t{1});
    items.emplace_back(std::move(list));
    items.emplace_back(std::string("a text that is too long for the small buffer"));
    list = List(std::move(items));
  }
  return list;
}

List tree(std::size_t levels, std::size_t fan) {
  List list;
  for (std::size_t level = 0; level < levels; ++level) list = List(std::vector<Value>(fan, Value(list)));
  return list;
}

constexpr std::size_t deep = 1'000'000;

}  // namespace

TEST_CASE("a value takes another type than was meant") {
  REQUIRE(std::holds_alternative<bool>(Value(true)));
  REQUIRE(std::holds_alternative<std::int64_t>(Value(std::int64_t{1})));
  REQUIRE(std::holds_alternative<double>(Value(1.0)));
  REQUIRE(std::holds_alternative<std::string>(Value("text")));
  REQUIRE(std::holds_alternative<List>(Value(List())));
  REQUIRE(Value() == Value(false));
}

TEST_CASE("values of different types are equal") {
  REQUIRE(Value(std::int64_t{1}) != Value(1.0));
  REQUIRE(Value(std::string()) != Value(std::vector<std::byte>()));
  REQUIRE(Value(false) != Value(List()));
  REQUIRE(Value(-0.0) == Value(0.0));
}

TEST_CASE("lists that differ anywhere are equal") {
  const List list = list_of({std::int64_t{1}, list_of({"a", list_of({}), true}), 2.0});
  REQUIRE(list == list);
  REQUIRE(list == List(list));
  REQUIRE(list != list_of({std::int64_t{1}, list_of({"a", list_of({}), false}), 2.0}));
  REQUIRE(list != list_of({std::int64_t{1}, list_of({"a", list_of({true}), true}), 2.0}));
  REQUIRE(list != list_of({std::int64_t{1}, list_of({"a", list_of({}), true})}));
  REQUIRE(list != list_of({std::int64_t{1}, "a", 2.0}));
  REQUIRE(list_of({}) == List());
  REQUIRE(list_of({list_of({}), list_of({true})}) != list_of({list_of({true}), list_of({})}));
}

TEST_CASE("a copy of a list shares, loses or reorders items") {
  List list = list_of({"first", list_of({std::int64_t{2}, list_of({true, 3.5})}), list_of({}), "last"});
  const List copy(list);
  REQUIRE(copy == list);
  REQUIRE(copy.items().size() == 4);
  std::get<List>(list.items()[1]).items().clear();
  REQUIRE(copy != list);
  REQUIRE(std::get<List>(copy.items()[1]).items().size() == 2);
  list = copy;
  REQUIRE(list == copy);
  REQUIRE(tree(4, 5) == List(tree(4, 5)));
}

TEST_CASE("assigning a list to itself, or from inside of itself, destroys it") {
  List list = list_of({"a", list_of({"b", "c"})});
  List& same = list;
  list = same;
  REQUIRE(list.items().size() == 2);
  list = std::move(same);
  REQUIRE(list.items().size() == 2);
  list = std::move(std::get<List>(list.items()[1]));
  REQUIRE(list == list_of({"b", "c"}));
  list.items().emplace_back(list_of({"inner"}));
  list = std::get<List>(list.items()[2]);
  REQUIRE(list == list_of({"inner"}));
}

TEST_CASE("a list nested a million deep overflows the stack when it is destroyed") {
  const List list = deep_list(deep);
  REQUIRE(list.items().size() == 3);
}

TEST_CASE("a list nested a million deep overflows the stack when it is copied or compared") {
  const List list = deep_list(deep);
  const List copy(list);
  REQUIRE(copy == list);
  REQUIRE(list != deep_list(deep, 1));
  REQUIRE(list != deep_list(deep - 1));
}

TEST_CASE("a list nested a million deep overflows the stack when it is overwritten") {
  Value value = deep_list(deep);
  value = true;
  REQUIRE(value == Value(true));
  List list = deep_list(deep);
  list.items().clear();
  REQUIRE(list == List());
  list = deep_list(deep);
  list = List();
  REQUIRE(list == List());
}

TEST_CASE("bushy lists are not freed") {  // The leak sanitizer sees it.
  List list = tree(6, 6);
  list.items().resize(3);
  REQUIRE(list.items().size() == 3);
}
