#include <stdexcept>
#include <unordered_map>

#include "dag/engine.hpp"

namespace bench {
namespace {

using deriva::Address;
namespace fs = std::filesystem;

/// The obvious way to keep a graph in memory.
class UnorderedMapEngine final : public Engine {
 public:
  explicit UnorderedMapEngine(const fs::path& directory) {
    read_entries(directory, [this](std::span<const Entry> entries) { insert(entries); });
  }

  void insert(std::span<const Entry> entries) override {
    for (const auto& [key, inputs] : entries) {
      Node& node = nodes_[key];
      if (node.is_recipe) throw std::runtime_error("unordered_map: the entry was there already");
      node.is_recipe = true;
      node.inputs.assign(inputs.begin(), inputs.end());
      for (const Address& input : inputs) nodes_[input].dependents.push_back(key);
    }
  }

  std::size_t inputs(const Address& key) override { return std::vector(nodes_.at(key).inputs).size(); }
  std::size_t dependents(const Address& key) override { return std::vector(nodes_.at(key).dependents).size(); }

  std::size_t topological_order() override {
    std::unordered_map<Address, std::size_t> pending;
    std::vector<const std::pair<const Address, Node>*> ready;
    pending.reserve(nodes_.size());
    for (const auto& item : nodes_) {
      if (item.second.inputs.empty()) {
        ready.push_back(&item);
      } else {
        pending.emplace(item.first, item.second.inputs.size());
      }
    }
    std::size_t recipes = 0;
    for (std::size_t i = 0; i < ready.size(); ++i) {
      recipes += ready[i]->second.is_recipe ? 1U : 0U;
      for (const Address& dependent : ready[i]->second.dependents) {
        if (--pending.at(dependent) == 0) ready.push_back(&*nodes_.find(dependent));
      }
    }
    return recipes;
  }

  std::size_t transitive_dependents(const Address& key) override {
    std::unordered_map<Address, bool> found{{key, true}};
    std::vector<const Node*> queue{&nodes_.at(key)};
    for (std::size_t i = 0; i < queue.size(); ++i) {
      for (const Address& dependent : queue[i]->dependents) {
        if (found.emplace(dependent, true).second) queue.push_back(&nodes_.at(dependent));
      }
    }
    return queue.size() - 1;
  }

  void remove(std::span<const Address> keys) override {
    for (const Address& key : keys) {
      const Node& node = nodes_.at(key);
      if (!node.is_recipe || !node.dependents.empty()) throw std::runtime_error("unordered_map: cannot remove");
      for (const Address& input : node.inputs) std::erase(nodes_.at(input).dependents, key);
      nodes_.erase(key);
    }
  }

 private:
  struct Node {
    std::vector<Address> inputs;
    std::vector<Address> dependents;
    bool is_recipe = false;
  };

  std::unordered_map<Address, Node> nodes_;
};

}  // namespace

EngineKind unordered_map_engine() {
  return {"unordered_map", false, true,
          [](const fs::path& directory, Commits) { return std::make_unique<UnorderedMapEngine>(directory); },
          [](const fs::path&) { return DiskUsage{}; }};
}

}  // namespace bench
