#include <algorithm>
#include <limits>
#include <stdexcept>

#include <boost/unordered/unordered_flat_map.hpp>

#include "dag/engine.hpp"

namespace bench {
namespace {

using deriva::Address;
namespace fs = std::filesystem;

/// Addresses become dense numbers, and edges are lists of numbers: what one would write by hand for a graph in memory.
class FlatMapEngine final : public Engine {
 public:
  explicit FlatMapEngine(const fs::path& directory) {
    read_entries(directory, [this](std::span<const Entry> entries) { insert(entries); });
  }

  void insert(std::span<const Entry> entries) override {
    for (const auto& [key, inputs] : entries) {
      const Id id = intern(key);
      if (nodes_[id].is_recipe) throw std::runtime_error("flat_map: the entry was there already");
      std::vector<Id> ids;
      ids.reserve(inputs.size());
      for (const Address& input : inputs) ids.push_back(intern(input));
      for (const Id input : ids) nodes_[input].dependents.push_back(id);
      nodes_[id].inputs = std::move(ids);
      nodes_[id].is_recipe = true;
      ++recipes_;
    }
  }

  std::size_t inputs(const Address& key) override { return addresses_of(nodes_[ids_.at(key)].inputs).size(); }
  std::size_t dependents(const Address& key) override { return addresses_of(nodes_[ids_.at(key)].dependents).size(); }

  std::size_t topological_order() override {
    std::vector<std::uint32_t> pending(nodes_.size());
    std::vector<Id> ready;
    ready.reserve(nodes_.size());
    for (Id id = 0; id < nodes_.size(); ++id) {
      pending[id] = static_cast<std::uint32_t>(nodes_[id].inputs.size());
      if (pending[id] == 0) ready.push_back(id);
    }
    std::size_t recipes = 0;
    for (std::size_t i = 0; i < ready.size(); ++i) {
      const Node& node = nodes_[ready[i]];
      seen_ ^= node.address.bytes()[0];
      recipes += node.is_recipe ? 1U : 0U;
      for (const Id dependent : node.dependents) {
        if (--pending[dependent] == 0) ready.push_back(dependent);
      }
    }
    return recipes;
  }

  std::size_t transitive_dependents(const Address& key) override {
    std::vector<bool> found(nodes_.size());
    std::vector<Id> queue{ids_.at(key)};
    found[queue[0]] = true;
    for (std::size_t i = 0; i < queue.size(); ++i) {
      for (const Id dependent : nodes_[queue[i]].dependents) {
        if (found[dependent]) continue;
        found[dependent] = true;
        seen_ ^= nodes_[dependent].address.bytes()[0];
        queue.push_back(dependent);
      }
    }
    return queue.size() - 1;
  }

  void remove(std::span<const Address> keys) override {
    for (const Address& key : keys) {
      const Id id = ids_.at(key);
      if (!nodes_[id].is_recipe || !nodes_[id].dependents.empty()) throw std::runtime_error("flat_map: cannot remove");
      for (const Id input : nodes_[id].inputs) std::erase(nodes_[input].dependents, id);
      nodes_[id] = {};
      ids_.erase(key);
      --recipes_;
    }
  }

 private:
  using Id = std::uint32_t;
  struct Node {
    Address address;
    std::vector<Id> inputs;
    std::vector<Id> dependents;
    bool is_recipe = false;
  };

  Id intern(const Address& key) {
    const auto [found, is_new] = ids_.try_emplace(key, static_cast<Id>(nodes_.size()));
    if (is_new) nodes_.emplace_back().address = key;
    return found->second;
  }

  std::vector<Address> addresses_of(const std::vector<Id>& ids) const {
    std::vector<Address> out;
    out.reserve(ids.size());
    for (const Id id : ids) out.push_back(nodes_[id].address);
    return out;
  }

  boost::unordered_flat_map<Address, Id, std::hash<Address>> ids_;
  std::vector<Node> nodes_;
  std::size_t recipes_ = 0;
  std::byte seen_{};
};

}  // namespace

EngineKind flat_map_engine() {
  return {"unordered_flat_map", false, true,
          [](const fs::path& directory, Commits) { return std::make_unique<FlatMapEngine>(directory); },
          [](const fs::path&) { return DiskUsage{}; }};
}

}  // namespace bench
