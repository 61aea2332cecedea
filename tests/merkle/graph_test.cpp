#include "graph.hpp"

#include <string>
#include <vector>

#include "functions.hpp"
#include "support/catch.hpp"

namespace {

using merkle::Mode;

/// A scan of one directory with these files, each with its own content unless `content` says otherwise.
struct Sample {
  void add_file(std::string name, const std::string& content) {
    scan.directories.front().entries.push_back({name, Mode::file, scan.files.size()});
    scan.files.push_back({std::move(name), Mode::file, {}, {}});
    leaves.addresses.push_back(deriva::Address::of_leaf(deriva::as_bytes(content)));
    leaves.are_stored.push_back(true);
  }
  merkle::Scan scan{{}, {{"", {}}}, {}};
  merkle::Leaves leaves;
};

}  // namespace

TEST_CASE("Files of equal content share a recipe, and the directory has both names") {
  Sample sample;
  sample.add_file("a", "same");
  sample.add_file("b", "same");
  const merkle::Graph graph = describe(sample.scan, sample.leaves);
  REQUIRE(graph.size() == 2);
  REQUIRE(graph[0].occurrences == 2);
  REQUIRE(graph[1].recipe.inputs.size() == 2);
  REQUIRE(graph[1].inputs == std::vector<std::size_t>{0, 0});
}

TEST_CASE("Every recipe of a directory of a hundred thousand long names is one that a store takes") {
  Sample sample;
  for (int i = 100'000; i < 200'000; ++i) {
    const std::string number = std::to_string(i);
    sample.add_file(std::string(200, 'n') + number, number);
  }
  const merkle::Graph graph = describe(sample.scan, sample.leaves);
  REQUIRE(graph.back().recipe.function == merkle::git_tree_join());
  for (const merkle::Node& node : graph) REQUIRE(try_encode(node.recipe).has_value());
}

TEST_CASE("Inputs come before the recipes that have them, and are what the recipes say") {
  Sample sample;
  for (int i = 0; i < 5'000; ++i) sample.add_file(std::to_string(100'000 + i), std::to_string(i % 3'000));
  const merkle::Graph graph = describe(sample.scan, sample.leaves);
  for (std::size_t i = 0; i < graph.size(); ++i) {
    for (std::size_t k = 0; k < graph[i].inputs.size(); ++k) {
      REQUIRE(graph[i].inputs[k] < i);
      REQUIRE(graph[graph[i].inputs[k]].address == graph[i].recipe.inputs[k]);
    }
  }
}

TEST_CASE("A directory without files is left out, but for the root") {
  Sample sample;
  sample.scan.directories.front().entries.push_back({"empty", Mode::directory, 1});
  sample.scan.directories.push_back({"empty", {}});
  const merkle::Graph graph = describe(sample.scan, sample.leaves);
  REQUIRE(graph.size() == 1);
  REQUIRE(graph[0].recipe.inputs.empty());
}
