#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <deriva/dag/dag_view.hpp>

namespace deriva::test {

/// What a graph is, said as simply as possible.
template <class Key>
class PlainGraph {
 public:
  using Keys = std::vector<Key>;
  struct Less {
    bool operator()(const Key& a, const Key& b) const { return detail::KeyLess<Key>()(a, b); }
  };

  std::map<Key, Keys, Less> forward;

  std::set<Key, Less> dependents(const Key& key) const {
    const auto found = reverse_.find(key);
    return found == reverse_.end() ? std::set<Key, Less>() : found->second;
  }
  std::set<Key, Less> transitive(const Key& key) const {
    return reach(key, [this](const Key& at) {
      const auto keys = dependents(at);
      return Keys(keys.begin(), keys.end());
    });
  }
  std::set<Key, Less> needed(const Key& key) const {
    std::set<Key, Less> all;
    if (!forward.contains(key)) return all;
    for (const Key& at : reach(key, [this](const Key& node) { return inputs(node); })) {
      if (forward.contains(at)) all.insert(at);
    }
    all.insert(key);
    return all;
  }
  Keys inputs(const Key& key) const {
    const auto found = forward.find(key);
    return found == forward.end() ? Keys() : found->second;
  }
  bool closes_cycle(const Key& key, const Keys& inputs) const {
    if (std::find(inputs.begin(), inputs.end(), key) != inputs.end()) return true;
    const auto above = transitive(key);
    return std::any_of(inputs.begin(), inputs.end(), [&](const Key& input) { return above.contains(input); });
  }
  void insert(const Key& key, const Keys& inputs) {
    forward[key] = inputs;
    for (const Key& input : inputs) reverse_[input].insert(key);
  }
  void remove(const Key& key) {
    for (const Key& input : inputs(key)) reverse_[input].erase(key);
    forward.erase(key);
  }

 private:
  template <class Expand>
  static std::set<Key, Less> reach(const Key& from, Expand&& expand) {
    std::set<Key, Less> seen;
    Keys queue = {from};
    for (std::size_t at = 0; at < queue.size(); ++at) {
      for (const Key& next : expand(queue[at])) {
        if (seen.insert(next).second) queue.push_back(next);
      }
    }
    return seen;
  }
  std::map<Key, std::set<Key, Less>, Less> reverse_;
};

}  // namespace deriva::test
