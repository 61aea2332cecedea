#include "cache/trace.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <span>
#include <utility>

namespace bench {
namespace {

using deriva::Address;

Address numbered(std::uint64_t number) { return Address::of_leaf(std::as_bytes(std::span(&number, 1))); }

constexpr std::size_t alike_bytes = 1'000;
constexpr std::uint64_t alike_ns = 50'000;

std::vector<Trace::Item> alike(std::size_t count) {
  std::vector<Trace::Item> items;
  for (std::size_t i = 0; i < count; ++i) items.push_back({numbered(i), alike_bytes, alike_ns});
  return items;
}

/// Values that differ by orders of magnitude, in size and in cost, independently.
std::vector<Trace::Item> varied(std::size_t count, std::mt19937_64& random) {
  std::lognormal_distribution<> sizes(std::log(2'000), 1.5);
  std::lognormal_distribution<> costs(std::log(20'000), 2);
  std::vector<Trace::Item> items;
  for (std::size_t i = 0; i < count; ++i) {
    items.push_back({numbered(i), static_cast<std::size_t>(std::min(sizes(random), 1e6)),
                     static_cast<std::uint64_t>(costs(random))});
  }
  return items;
}

/// Numbers from 0, by Zipf's law with exponent 0.9: 0 is the most popular.
class Zipf {
 public:
  explicit Zipf(std::size_t count) : sums_(count) {
    for (std::size_t i = 0; i < count; ++i) sums_[i] = std::pow(static_cast<double>(i + 1), -0.9);
    std::partial_sum(sums_.begin(), sums_.end(), sums_.begin());
  }
  std::uint32_t operator()(std::mt19937_64& random) const {
    const double at = std::uniform_real_distribution<>(0, sums_.back())(random);
    const auto found = std::upper_bound(sums_.begin(), sums_.end() - 1, at);
    return static_cast<std::uint32_t>(found - sums_.begin());
  }

 private:
  std::vector<double> sums_;
};

/// A million requests for the trace's values, popular as by Zipf's law.
void ask_by_popularity(Trace& trace, std::mt19937_64& random) {
  const Zipf zipf(trace.items.size());
  for (std::size_t i = 0; i < 1'000'000; ++i) trace.accesses.push_back(zipf(random));
}

}  // namespace

Trace zipf_trace() {
  constexpr std::size_t count = 50'000;
  std::mt19937_64 random(1);
  Trace trace{"zipf", varied(count, random), {}, std::size_t{32} << 20U};
  ask_by_popularity(trace, random);
  return trace;
}

Trace uniform_trace() {
  constexpr std::size_t count = 50'000;
  std::mt19937_64 random(2);
  Trace trace{"uniform", alike(count), {}, count / 10 * alike_bytes};
  ask_by_popularity(trace, random);
  return trace;
}

Trace shift_trace() {
  constexpr std::size_t count = 50'000;
  std::mt19937_64 random(3);
  Trace trace{"shift", alike(count), {}, count / 10 * alike_bytes};
  const Zipf zipf(count);
  std::vector<std::uint32_t> ranks(count);
  std::iota(ranks.begin(), ranks.end(), 0U);
  for (std::size_t i = 0; i < 1'000'000; ++i) {
    if (i % 200'000 == 0) std::shuffle(ranks.begin(), ranks.end(), random);
    trace.accesses.push_back(ranks[zipf(random)]);
  }
  return trace;
}

Trace scan_trace() {
  constexpr std::size_t hot = 3'000;
  constexpr std::size_t run = 10'000;
  constexpr std::size_t rounds = 60;
  std::mt19937_64 random(4);
  Trace trace{"scan", varied(hot + run * rounds, random), {}, std::size_t{32} << 20U};
  const Zipf zipf(hot);
  auto next = static_cast<std::uint32_t>(hot);
  for (std::size_t round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < run; ++i) {
      trace.accesses.push_back(next++);
      if (i % 4 == 0) trace.accesses.push_back(zipf(random));
    }
    for (std::size_t i = 0; i < run / 2; ++i) trace.accesses.push_back(zipf(random));
  }
  return trace;
}

Trace loop_trace() {
  constexpr std::size_t count = 10'000;
  Trace trace{"loop", alike(count), {}, count / 2 * alike_bytes};
  for (std::size_t i = 0; i < 60 * count; ++i) trace.accesses.push_back(static_cast<std::uint32_t>(i % count));
  return trace;
}

}  // namespace bench
