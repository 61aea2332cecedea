#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <utility>
#include <vector>

#include <pthread.h>

#include "support/catch.hpp"

#include <deriva/core/address.hpp>
#include <deriva/core/error.hpp>
#include <deriva/dag/dag_view.hpp>

namespace deriva::test {

using Key8 = std::uint64_t;
struct Key64 {
  std::array<std::uint64_t, 8> words;
  friend bool operator==(const Key64&, const Key64&) = default;
};

/// The n-th key: another one for every n, in no particular order.
template <DagKey Key>
Key make_key(std::uint64_t n) {
  std::array<std::uint64_t, sizeof(Key) / 8> words{};
  words.fill((n + 1) * 0x9e3779b97f4a7c15U);
  Key key;
  std::memcpy(static_cast<void*>(&key), words.data(), sizeof(Key));
  return key;
}

/// What the fixtures of all graphs have besides their graph.
template <DagKey K>
struct KeyFixture {
  using Key = K;
  using Entries = std::vector<std::pair<Key, std::vector<Key>>>;

  static Key k(std::uint64_t n) { return make_key<Key>(n); }
  static std::vector<Key> keys(std::initializer_list<std::uint64_t> numbers) {
    std::vector<Key> keys;
    for (const std::uint64_t n : numbers) keys.push_back(k(n));
    return keys;
  }
};

template <class Key>
std::vector<Key> sorted(std::vector<Key> keys) {
  std::sort(keys.begin(), keys.end(), detail::KeyLess<Key>());
  return keys;
}

/// Whether `error` is a cycle through `key` whose every step runs to an input. `inputs_of(key)` has those of the entry
/// that was refused too.
template <class Key, class InputsOf>
bool is_cycle(const Error& error, const Key& key, InputsOf inputs_of) {
  const std::vector<Key> path = error.path<Key>();
  if (error.code() != Errc::cycle || path.size() < 2 || path.front() != key || path.back() != key) return false;
  for (std::size_t at = 0; at + 1 < path.size(); ++at) {
    const std::vector<Key> inputs = inputs_of(path[at]);
    if (std::find(inputs.begin(), inputs.end(), path[at + 1]) == inputs.end()) return false;
  }
  return true;
}

/// Runs `work` on a thread whose stack has 256 KiB: whatever recurses over a graph does not survive it.
template <class Work>
void run_on_small_stack(Work work) {
  pthread_attr_t attributes;
  REQUIRE(pthread_attr_init(&attributes) == 0);
  REQUIRE(pthread_attr_setstacksize(&attributes, std::size_t{256} * 1024) == 0);
  pthread_t thread{};
  const auto call = [](void* object) -> void* { return (*static_cast<Work*>(object))(), nullptr; };
  // One assertion at a time: `work` makes some.
  const bool ran = pthread_create(&thread, &attributes, call, &work) == 0 && pthread_join(thread, nullptr) == 0;
  REQUIRE(ran);
  REQUIRE(pthread_attr_destroy(&attributes) == 0);
}

}  // namespace deriva::test
