#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <deriva/core/address.hpp>

namespace bench {

// Walks for engines that only answer questions about one address.

inline deriva::Address to_address(std::span<const std::byte> bytes) {
  std::array<std::byte, deriva::Address::size_bytes> out{};
  std::copy_n(bytes.begin(), out.size(), out.begin());
  return deriva::Address(out);
}

inline std::vector<deriva::Address> to_addresses(std::span<const std::byte> bytes) {
  std::vector<deriva::Address> out;
  out.reserve(bytes.size() / deriva::Address::size_bytes);
  for (; bytes.size() >= deriva::Address::size_bytes; bytes = bytes.subspan(deriva::Address::size_bytes)) {
    out.push_back(to_address(bytes));
  }
  return out;
}

/// Puts recipes, given with their inputs, into a topological order; returns how many were in it.
template <class DependentsOf>
std::size_t order_keys(const std::unordered_map<deriva::Address, std::vector<deriva::Address>>& graph,
                       DependentsOf&& dependents_of) {
  std::unordered_map<deriva::Address, std::size_t> pending;
  pending.reserve(graph.size());
  std::unordered_set<deriva::Address> leaves;
  std::vector<deriva::Address> ready;
  for (const auto& [key, inputs] : graph) {
    if (inputs.empty()) {
      ready.push_back(key);
    } else {
      pending.emplace(key, inputs.size());
    }
    for (const deriva::Address& input : inputs) {
      if (!graph.contains(input) && leaves.insert(input).second) ready.push_back(input);
    }
  }
  for (std::size_t i = 0; i < ready.size(); ++i) {
    for (const deriva::Address& dependent : dependents_of(ready[i])) {
      if (--pending.at(dependent) == 0) ready.push_back(dependent);
    }
  }
  return ready.size() - leaves.size();
}

/// Visits all that depends on a key; returns how many there are.
template <class DependentsOf>
std::size_t walk_keys(const deriva::Address& key, DependentsOf&& dependents_of) {
  std::unordered_set<deriva::Address> found{key};
  std::vector<deriva::Address> queue{key};
  for (std::size_t i = 0; i < queue.size(); ++i) {
    for (const deriva::Address& dependent : dependents_of(queue[i])) {
      if (found.insert(dependent).second) queue.push_back(dependent);
    }
  }
  return queue.size() - 1;
}

}  // namespace bench
