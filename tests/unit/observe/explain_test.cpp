#include <deriva/observe/explain.hpp>

#include <algorithm>
#include <cstdio>
#include <string>

#include "unit/store/store_fixture.hpp"

namespace deriva {
namespace {

using test::recipe_of;
using test::StoreFixture;

/// A store whose results are as old as the order in which they came.
class Graph : public StoreFixture {
 public:
  Address leaf(std::string_view text) { return store->put_leaf(as_bytes(text)).value(); }
  Address recipe(const Recipe& recipe) { return store->put_recipe(recipe).value(); }
  Address recipe(const std::string& function, std::vector<Address> inputs) {
    return recipe(recipe_of(function, std::move(inputs)));
  }
  /// A recipe that was computed.
  Address computed(const Recipe& what) {
    const Address address = recipe(what);
    const std::chrono::sys_time<std::chrono::nanoseconds> when{std::chrono::nanoseconds(++now_)};
    const ComputedResult result{address, Blob::copy_of(address.to_string()), std::chrono::nanoseconds(1), when};
    store->put_results({&result, 1}).value();
    return address;
  }
  Address computed(const std::string& function, std::vector<Address> inputs) {
    return computed(recipe_of(function, std::move(inputs)));
  }
  std::vector<Change> between(const Address& before, const Address& after) {
    return difference(*store, before, after).value();
  }
  Explanation explained(const Address& address) { return explain(*store, address).value(); }

 private:
  std::int64_t now_ = 0;
};

TEST_CASE("difference: one changed leaf is one change, with the path to it, and equal parts are not mentioned") {
  Graph graph;
  const Address same = graph.recipe("other", {graph.leaf("same")});
  const auto top = [&](std::string_view text) {
    const Address low = graph.recipe("low", {graph.leaf(text)});
    const Address middle = graph.recipe("middle", {same, low});
    return std::vector<Address>{graph.recipe("top", {middle, same, low}), middle, low, graph.leaf(text)};
  };
  const std::vector<Address> was = top("before");
  const std::vector<Address> is = top("after");
  const std::vector<Change> changes = graph.between(was[0], is[0]);
  REQUIRE(changes.size() == 1);  // Though two paths lead there.
  CHECK(changes[0].kind == Change::Kind::leaf);
  CHECK(changes[0].before == was[3]);
  CHECK(changes[0].after == is[3]);
  CHECK(changes[0].path == std::vector<Address>{is[0], is[2], is[3]});  // A shortest one.
  CHECK(graph.between(was[0], was[0]).empty());
}

TEST_CASE("difference: versions, functions, params, inputs and replacements are told apart") {
  Graph graph;
  const Address a = graph.leaf("a");
  const Address b = graph.leaf("b");
  const auto only = [&](const Recipe& was, const Recipe& is) {
    const std::vector<Change> changes = graph.between(graph.recipe(was), graph.recipe(is));
    REQUIRE(changes.size() == 1);
    return changes[0];
  };
  CHECK(only({{"f", "1"}, {a}, {}}, {{"f", "2"}, {a}, {}}).kind == Change::Kind::function_version);
  CHECK(only({{"f", "1"}, {a}, {}}, {{"f", "2"}, {a}, {}}).what == "f/1 -> f/2");
  CHECK(only({{"f", "1"}, {a}, {}}, {{"g", "1"}, {a}, {}}).kind == Change::Kind::function);
  const Change params = only({{"f", "1"}, {a}, {{"width", std::int64_t{1}}, {"gone", true}, {"same", true}}},
                             {{"f", "1"}, {a}, {{"width", std::int64_t{2}}, {"new", true}, {"same", true}}});
  CHECK(params.kind == Change::Kind::params);
  CHECK(params.what == "gone, new, width");
  const Change added = only({{"f", "1"}, {a, a}, {}}, {{"f", "1"}, {a, b, a}, {}});
  CHECK(added.kind == Change::Kind::input_added);
  CHECK(added.after == b);
  const Change removed = only({{"f", "1"}, {a, b, a}, {}}, {{"f", "1"}, {a, b}, {}});
  CHECK(removed.kind == Change::Kind::input_removed);
  CHECK(removed.before == a);
  const Change replaced = only({{"f", "1"}, {a}, {}}, {{"f", "1"}, {graph.recipe("g", {})}, {}});
  CHECK(replaced.kind == Change::Kind::replaced);
}

TEST_CASE("difference: two graphs of diamonds are walked once, not once for each path") {
  Graph graph;
  const auto tower = [&](std::string_view text) {
    Address top = graph.leaf(text);
    for (int i = 0; i < 60; ++i) top = graph.recipe("f", {top, top});
    return top;
  };
  CHECK(graph.between(tower("before"), tower("after")).size() == 1);
}

TEST_CASE("difference: stops at the limit") {
  Graph graph;
  std::vector<Address> was;
  std::vector<Address> is;
  for (int i = 0; i < 50; ++i) {
    was.push_back(graph.leaf("before" + std::to_string(i)));
    is.push_back(graph.leaf("after" + std::to_string(i)));
  }
  const Address before = graph.recipe("f", was);
  const Address after = graph.recipe("f", is);
  CHECK(graph.between(before, after).size() == 50);
  CHECK(difference(*graph.store, before, after, 7).value().size() == 7);
}

TEST_CASE("explain: a recipe is compared with the latest earlier result that shares most inputs") {
  Graph graph;
  const Address a = graph.leaf("a");
  const Address b = graph.leaf("b");
  const Address c = graph.leaf("c");
  graph.computed("f", {a, c, c});
  const Address nearest = graph.computed("f", {a, b, graph.leaf("old")});
  graph.computed("g", {a, b, c});
  graph.recipe("f", {a, b, graph.leaf("never computed")});
  const Address wanted = graph.recipe("f", {a, b, c});
  const Explanation explanation = graph.explained(wanted);
  CHECK_FALSE(explanation.stored);
  REQUIRE(explanation.previous == nearest);
  CHECK(explanation.reason == event::Reason::input_changed);
  REQUIRE(explanation.changes.size() == 1);
  CHECK(explanation.changes[0].before == graph.leaf("old"));
  CHECK(explanation.changes[0].after == c);
}

TEST_CASE("explain: a change far below is found by what stayed the same on the way") {
  Graph graph;
  const auto chain = [&](std::string_view text, bool run) {
    Address top = graph.leaf(text);
    for (int level = 0; level < 20; ++level) {
      const Recipe recipe = recipe_of("f" + std::to_string(level), {top, graph.leaf("side" + std::to_string(level))});
      top = run ? graph.computed(recipe) : graph.recipe(recipe);
    }
    return top;
  };
  const Address before = chain("before", true);
  const Explanation explanation = graph.explained(chain("after", false));
  REQUIRE(explanation.previous == before);
  REQUIRE(explanation.changes.size() == 1);
  CHECK(explanation.changes[0].path.size() == 21);
  CHECK(explanation.changes[0].after == graph.leaf("after"));
  CHECK(explanation.reason == event::Reason::input_changed);
}

TEST_CASE("explain: versions, params, eviction, the first time, and what ran are told apart") {
  Graph graph;
  const Address a = graph.leaf("a");
  const Address first = graph.computed(Recipe{{"f", "1"}, {a}, {}});
  CHECK(graph.explained(first).stored);
  CHECK(graph.explained(first).reason == event::Reason::never_computed);
  CHECK_FALSE(graph.explained(first).previous);  // What came later is no reason.

  const Address second = graph.computed(Recipe{{"f", "2"}, {a}, {}});
  const Explanation version = graph.explained(second);
  CHECK(version.stored);
  CHECK(version.reason == event::Reason::function_version_changed);
  CHECK(version.previous == first);
  CHECK_FALSE(graph.explained(first).previous);

  const Explanation params = graph.explained(graph.recipe(Recipe{{"f", "2"}, {a}, {{"width", true}}}));
  CHECK(params.reason == event::Reason::never_computed);
  REQUIRE(params.changes.size() == 1);
  CHECK(params.changes[0].what == "width");

  CHECK(explain(*graph.store, a).error().code() == Errc::not_found);
  CHECK(explain(*graph.store, test::named("unknown")).error().code() == Errc::not_found);
}

TEST_CASE("why: the path between two addresses is one, a shortest one, or there is none") {
  Graph graph;
  const Address leaf = graph.leaf("leaf");
  const Address low = graph.recipe("low", {leaf});
  const Address detour = graph.recipe("detour", {low});
  const Address top = graph.recipe("top", {detour, low});
  CHECK(why(*graph.store, top, leaf).value() == std::vector<Address>{top, low, leaf});
  CHECK(why(*graph.store, top, detour).value() == std::vector<Address>{top, detour});
  CHECK(why(*graph.store, top, top).value() == std::vector<Address>{top});
  CHECK(why(*graph.store, leaf, top).value().empty());
  CHECK(why(*graph.store, top, test::named("unknown")).value().empty());
  CHECK(why(*graph.store, low, graph.leaf("another")).value().empty());
}

TEST_CASE("to_dot: nodes are coloured by what is stored of them, and Graphviz accepts any name") {
  Graph graph;
  const Address leaf = graph.leaf("leaf");
  const Address done = graph.computed("done", {leaf});
  const Address open = graph.recipe("op\"en\\\n<b>", {done, done, test::named("missing")});
  const std::string dot = to_dot(*graph.store, open).value();
  CHECK_THAT(dot, test::contains("\"" + leaf.to_string() + "\" [shape=ellipse, fillcolor=\"#dbe7fb\""));
  CHECK_THAT(dot, test::contains("\"" + done.to_string() + "\" [shape=box, fillcolor=\"#d3ecd9\""));
  CHECK_THAT(dot, test::contains("\"" + open.to_string() + "\" [shape=box, fillcolor=\"#ffffff\""));
  CHECK_THAT(dot,
             test::contains("\"" + test::named("missing").to_string() + "\" [shape=ellipse, fillcolor=\"#f7d4d2\""));
  CHECK_THAT(dot, test::contains("\"" + done.to_string() + "\" -> \"" + open.to_string() + "\""));
  CHECK(dot.find("op\"en") == std::string::npos);
}

TEST_CASE("to_dot: what is beyond the limits is counted, not drawn") {
  Graph graph;
  std::vector<Address> leaves;
  for (int i = 0; i < 30; ++i) leaves.push_back(graph.leaf(std::to_string(i)));
  const Address top = graph.recipe("top", {graph.recipe("middle", leaves)});
  const std::string few = to_dot(*graph.store, top, {.nodes = 12}).value();
  CHECK_THAT(few, test::contains("... 20 more"));
  const std::string shallow = to_dot(*graph.store, top, {.depth = 1}).value();
  CHECK_THAT(shallow, test::contains("... 30 more"));
  CHECK(shallow.find("ellipse") == std::string::npos);
}

}  // namespace
}  // namespace deriva
