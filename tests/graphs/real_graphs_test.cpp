// Graphs that other programs made, put on disk in their order and asked the same questions as a plain walk in memory:
// commits (git rev-list --parents --all) and build graphs (ninja -t graph), both also with cycles planted in them.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <deriva/dag/persistent_dag.hpp>

#include "support/catch.hpp"
#include "support/from_environment.hpp"
#include "unit/dag/persistent_fixture.hpp"

namespace {

using deriva::test::from_environment;

using Key = std::array<std::byte, 20>;  // of a commit; names of files are hashed into one
using Keys = std::vector<Key>;
using Graph = std::vector<std::pair<Key, Keys>>;  // in the order of the source
using Dag = deriva::PersistentDag<Key>;
using deriva::Errc;

std::string output_of(const std::string& command) {
  struct Close {
    void operator()(FILE* file) const { ::pclose(file); }
  };
  const std::unique_ptr<FILE, Close> pipe(::popen(command.c_str(), "r"));
  REQUIRE(pipe);
  std::string all;
  std::array<char, 65'536> buffer;
  for (std::size_t got = 0; (got = std::fread(buffer.data(), 1, buffer.size(), pipe.get())) > 0;) {
    all.append(buffer.data(), got);
  }
  return all;
}

Key key_of_hex(const std::string& hex) {
  Key key;
  for (std::size_t i = 0; i < key.size(); ++i) {
    key[i] = static_cast<std::byte>(std::stoul(hex.substr(2 * i, 2), nullptr, 16));
  }
  return key;
}

Graph commits_of(const std::string& repository) {
  Graph graph;
  std::istringstream lines(output_of("git -C '" + repository + "' rev-list --parents --all"));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    graph.emplace_back(key_of_hex(word), Keys());
    while (words >> word) graph.back().second.push_back(key_of_hex(word));
  }
  return graph;
}

/// A history of many branches: every tenth commit merges a recent one, every hundredth one of any age too.
void make_repository(const std::string& path, std::uint64_t commits) {
  REQUIRE(std::system(("git init -q --bare '" + path + "'").c_str()) == 0);
  std::mt19937_64 random(1);
  {
    std::ofstream stream(path + "/stream");
    for (std::uint64_t n = 1; n <= commits; ++n) {
      stream << "commit refs/heads/b" << n % 7 << "\nmark :" << n << "\ncommitter a <a@b> " << n
             << " +0000\ndata 1\nx\n";
      if (n == 1) continue;
      std::set<std::uint64_t> parents = {n - 1 - random() % std::min<std::uint64_t>(n - 1, 20)};
      if (n % 10 == 0) parents.insert(n - 1 - random() % std::min<std::uint64_t>(n - 1, 200));
      if (n % 100 == 0) parents.insert(1 + random() % (n - 1));
      const char* word = "from";
      for (const std::uint64_t parent : parents) stream << std::exchange(word, "merge") << " :" << parent << "\n";
    }
  }
  REQUIRE(std::system(("git -C '" + path + "' fast-import --quiet --force < '" + path + "/stream'").c_str()) == 0);
}

#ifdef DERIVA_BUILD_DIR
Key key_of_name(const std::string& name) {
  Key key{};
  for (std::size_t i = 0; i < 3; ++i) {
    const std::size_t hash = std::hash<std::string>()(name + static_cast<char>('a' + i));
    std::memcpy(key.data() + 8 * i, &hash, std::min<std::size_t>(8, key.size() - 8 * i));
  }
  return key;
}

/// Edges of a graph in the language of dot: "a" -> "b" says that b is made from a.
Graph build_of(const std::string& directory) {
  std::map<std::string, Keys> inputs;
  std::istringstream lines(output_of("ninja -C '" + directory + "' -t graph"));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t arrow = line.find(" -> ");
    if (arrow == std::string::npos) continue;
    const auto quoted = [&](std::size_t from) {
      const std::size_t begin = line.find('"', from) + 1;
      return line.substr(begin, line.find('"', begin) - begin);
    };
    inputs[quoted(arrow)].push_back(key_of_name(quoted(0)));
  }
  Graph graph;
  for (const auto& [name, list] : inputs) graph.emplace_back(key_of_name(name), list);
  return graph;
}

#endif

/// The walk that the graph on disk is compared with.
class Plain {
 public:
  explicit Plain(const Graph& graph) {
    for (const auto& [key, inputs] : graph) add(key, inputs);
  }
  void add(const Key& key, const Keys& inputs) {
    forward_[key] = inputs;
    for (const Key& input : inputs) reverse_[input].push_back(key);
  }
  const std::map<Key, Keys>& forward() const { return forward_; }
  std::set<Key> above(const Key& key) const { return reach(reverse_, key); }
  std::set<Key> below(const Key& key) const {
    std::set<Key> all;
    for (const Key& at : reach(forward_, key)) {
      if (forward_.contains(at)) all.insert(at);
    }
    if (forward_.contains(key)) all.insert(key);
    return all;
  }

 private:
  static std::set<Key> reach(const std::map<Key, Keys>& edges, const Key& from) {
    std::set<Key> seen;
    Keys queue = {from};
    for (std::size_t at = 0; at < queue.size(); ++at) {
      const auto found = edges.find(queue[at]);
      if (found == edges.end()) continue;
      for (const Key& next : found->second) {
        if (seen.insert(next).second) queue.push_back(next);
      }
    }
    return seen;
  }
  std::map<Key, Keys> forward_;
  std::map<Key, Keys> reverse_;
};

struct Disk {
  deriva::test::GraphDirectory directory;
  deriva::Environment environment = deriva::test::open_environment(directory);
  Dag dag = Dag::open(environment).value();
};

bool same(Keys keys, const std::set<Key>& expected) {
  std::sort(keys.begin(), keys.end());
  return std::ranges::equal(keys, expected);
}

bool inputs_first(const Dag& dag, const Keys& order) {
  std::map<Key, std::size_t> position;
  for (const Key& key : order) position.emplace(key, position.size());
  return std::ranges::all_of(order, [&](const Key& key) {
    const auto inputs = dag.inputs(key).value();
    return inputs && std::ranges::all_of(*inputs, [&](const Key& input) {
             const auto found = position.find(input);
             return found == position.end() || found->second < position.at(key);
           });
  });
}

void compare(const Dag& dag, const Graph& graph) {
  const Plain plain(graph);
  REQUIRE(dag.size() == plain.forward().size());
  REQUIRE(dag.check());
  Keys all;
  REQUIRE(dag.for_each([&](const Key& key) { return all.push_back(key), true; }));
  REQUIRE(all.size() == plain.forward().size());
  REQUIRE(inputs_first(dag, all));
  for (std::size_t at = 0; at < graph.size(); at += 1 + graph.size() / 12) {
    const Key& key = graph[at].first;
    REQUIRE(*dag.inputs(key).value() == plain.forward().at(key));
    const Keys above = dag.transitive_dependents(key).value();
    REQUIRE(same(above, plain.above(key)));
    REQUIRE(inputs_first(dag, above));
    const Keys below = dag.resolve_order(key).value();
    REQUIRE(same(below, plain.below(key)));
    REQUIRE(inputs_first(dag, below));
  }
}

/// In both orders, dependents first and inputs first, and compacted.
void put_and_compare(Graph graph) {
  REQUIRE_FALSE(graph.empty());
  for (int order = 0; order < 2; ++order) {
    Disk disk;
    REQUIRE(disk.dag.insert_many(graph).value() == graph.size());
    compare(disk.dag, graph);
    REQUIRE(disk.dag.compact().has_value());
    compare(disk.dag, graph);
    std::reverse(graph.begin(), graph.end());
  }
}

/// Adds inputs that some entries cannot have. Every refusal must close a cycle with what was taken before, and what was
/// taken must have an order.
void plant_cycles(Graph graph, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::map<Key, std::size_t> positions;
  for (std::size_t at = 0; at < graph.size(); ++at) positions.emplace(graph[at].first, at);
  for (int n = 0; n < 20; ++n) {  // Most of these close none, in a wide graph;
    graph[random() % graph.size()].second.push_back(graph[random() % graph.size()].first);
  }
  for (int n = 0; n < 20; ++n) {  // and these do, if the input is an entry, too.
    const auto& [key, inputs] = graph[random() % graph.size()];
    const auto input = inputs.empty() ? positions.end() : positions.find(inputs[random() % inputs.size()]);
    if (input != positions.end()) graph[input->second].second.push_back(key);
  }
  Disk disk;
  Plain taken((Graph()));
  std::size_t refused = 0;
  for (std::size_t at = 0; at < graph.size(); ++at) {
    const auto& [key, inputs] = graph[at];
    const auto done = disk.dag.insert(key, inputs);
    if (done) {
      taken.add(key, inputs);
      continue;
    }
    REQUIRE(done.error().code() == Errc::cycle);
    ++refused;
    REQUIRE(deriva::test::is_cycle(done.error(), key,
                                   [&](const Key& node) { return node == key ? inputs : taken.forward().at(node); }));
  }
  REQUIRE(refused > 0);
  REQUIRE(disk.dag.size() == graph.size() - refused);
  REQUIRE(disk.dag.check());
  Keys all;
  REQUIRE(disk.dag.for_each([&](const Key& key) { return all.push_back(key), true; }));
  REQUIRE(inputs_first(disk.dag, all));
}

}  // namespace

TEST_CASE("a history of git has other ancestors on disk", "[dag][graphs]") {
  const deriva::test::GraphDirectory directory;
  const std::string path = (directory.path() / "history").string();
  make_repository(path, from_environment("DERIVA_COMMITS", 20'000));
  const Graph graph = commits_of(path);
  put_and_compare(graph);
  plant_cycles(Graph(graph.begin(), graph.begin() + 500), 1);
}

#ifdef DERIVA_SOURCE_DIR
TEST_CASE("this repository has other ancestors on disk", "[dag][graphs]") {
  const Graph graph = commits_of(DERIVA_SOURCE_DIR);
  if (!graph.empty()) put_and_compare(graph);
}
#endif

#ifdef DERIVA_BUILD_DIR
TEST_CASE("this build has other inputs on disk", "[dag][graphs]") {
  const Graph graph = build_of(DERIVA_BUILD_DIR);
  if (graph.empty()) return;  // not built with Ninja
  put_and_compare(graph);
  plant_cycles(graph, 2);
}
#endif
