// The executor's cache of values: what a hit costs on one thread and on two, and what computing again costs when it has
// to choose.

#include <chrono>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "cache/contenders.hpp"
#include "cache/speedup.hpp"
#include "cache/trace.hpp"
#include "compute/result_cache.hpp"
#include "support/micro.hpp"
#include "support/scratch.hpp"
#include "support/suite.hpp"

namespace {

using namespace bench;
using deriva::Address;
using deriva::Blob;
using deriva::detail::ResultCache;

constexpr std::size_t value_count = 1'000;
constexpr std::size_t value_bytes = 4;

std::vector<Address> some_addresses(std::size_t count) {
  std::vector<Address> addresses;
  for (std::size_t i = 0; i < count; ++i) addresses.push_back(Address::of_leaf(deriva::as_bytes(std::to_string(i))));
  return addresses;
}

/// Asks for one value after the other.
template <class Get>
Micro::Body asking(const std::vector<Address>& addresses, Get get) {
  return [&addresses, get](benchmark::State& state) {
    std::size_t bytes = 0;
    std::size_t i = 0;
    for (auto _ : state) bytes += get(addresses[(i += 379) % value_count]);
    if (bytes != value_bytes * static_cast<std::size_t>(state.iterations())) state.SkipWithError("no value");
  };
}

/// The cache and its peer, with the same values.
struct Filled {
  Filled() {
    for (const Address& address : addresses) {
      cache.put(address, Blob::copy_of(std::string(value_bytes, 'x')));
      map[address] = Blob::copy_of(std::string(value_bytes, 'x'));
    }
  }
  std::size_t from_cache(const Address& address) { return cache.get(address)->size(); }
  std::size_t from_map(const Address& address) {
    const std::lock_guard lock(mutex);
    return Blob(map.find(address)->second).size();
  }

  const std::vector<Address> addresses = some_addresses(value_count);
  ResultCache cache{std::size_t{64} << 20U, 1};
  std::unordered_map<Address, Blob> map;
  std::mutex mutex;
};

void measure_one_thread(const Options& options, Report& report, Filled& filled) {
  const std::vector<Address> more = some_addresses(50'000);
  const Blob value = Blob::copy_of(std::string(value_bytes, 'x'));
  Micro micro;
  micro.add("hit", asking(filled.addresses, [&](const Address& address) { return filled.from_cache(address); }));
  micro.add("map", asking(filled.addresses, [&](const Address& address) { return filled.from_map(address); }));
  micro.add("put", [&](benchmark::State& state) {
    ResultCache fresh(std::size_t{1} << 20U, 1);
    std::size_t i = 0;
    for (auto _ : state) fresh.put(more[++i % more.size()], value);
    if (fresh.stats().evictions == 0 && i > more.size()) state.SkipWithError("nothing had to go");
  });
  auto medians = micro.run(options.repetitions);
  report.add({"cache.hit", medians["hit"], Unit::nanoseconds, 100, Better::lower, "std::unordered_map, mutex",
              medians["map"], value_count});
  report.add({"cache.put.full", medians["put"], Unit::nanoseconds, std::nullopt, Better::lower, "", std::nullopt,
              more.size()});
}

void measure_two_threads(Report& report, Filled& filled) {
  const auto add = [&](const std::string& id, std::size_t n, const std::function<std::size_t(std::size_t)>& hit) {
    report.add({id, speedup_of_two(hit), Unit::factor, 1.8, Better::higher, "", std::nullopt, n});
  };
  add("cache.hit.speedup.t2", value_count,
      [&](std::size_t i) { return filled.from_cache(filled.addresses[i * 379 % value_count]); });
  add("cache.hit.one_value.speedup.t2", 1, [&](std::size_t) { return filled.from_cache(filled.addresses[0]); });
  report.note(
      "cache.hit.speedup: of the time that 500 hits take while both threads really run, which another program "
      "on the machine does not spoil");
}

class Ours {
 public:
  explicit Ours(std::size_t capacity) : cache_(capacity, 1) {}
  bool get(const Trace::Item& item) { return cache_.get(item.address).has_value(); }
  void put(const Trace::Item& item) {
    cache_.put(item.address, Blob::copy_of(std::string(item.size, 'x')), std::chrono::nanoseconds(item.compute_ns));
  }

 private:
  ResultCache cache_;
};

/// Nanoseconds of computing that a cache does not spare.
template <class Cache>
double replay(const Trace& trace) {
  Cache cache(trace.capacity);
  double spent = 0;
  for (const std::uint32_t access : trace.accesses) {
    const Trace::Item& item = trace.items[access];
    if (cache.get(item)) continue;
    spent += static_cast<double>(item.compute_ns);
    cache.put(item);
  }
  return spent;
}

void compare_on(const Trace& trace, Report& report) {
  double without = 0;
  for (const std::uint32_t access : trace.accesses) without += static_cast<double>(trace.items[access].compute_ns);
  const double ours = replay<Ours>(trace);
  const double lru = replay<LruCache>(trace);
  const double score = replay<ScoreCache>(trace);
  require(ours < without && ours > 0, "the cache spared nothing, or everything, of " + trace.name);
  const std::string id = "cache.cost." + trace.name;
  report.add({id, ours / without, Unit::factor, std::nullopt, Better::lower, "no cache", 1, trace.accesses.size()});
  report.add(
      {id + ".vs_lru", ours / lru, Unit::factor, 1, Better::lower, "least recently used", 1, trace.accesses.size()});
  report.add(
      {id + ".vs_score", ours / score, Unit::factor, 1, Better::lower, "highest score", 1, trace.accesses.size()});
}

void run_suite(const Options& options, Report& report) {
  const Scratch scratch(options.scratch);
  Filled filled;
  measure_one_thread(options, report, filled);
  measure_two_threads(report, filled);
  for (const Trace& trace : {zipf_trace(), uniform_trace(), shift_trace(), scan_trace(), loop_trace()}) {
    compare_on(trace, report);
  }
  const std::filesystem::path tree = options.tree.empty() ? std::filesystem::path(BENCH_BOOST_HEADERS) : options.tree;
  compare_on(merkle_trace(tree, scratch.path()), report);
  report.note(
      "cache.cost: time spent computing what was not in the cache, over the time that computing everything takes that "
      "is asked for; .vs_lru and .vs_score: over that of a cache of the same bytes that drops what was used longest "
      "ago, or what has the lowest max(ms, 1) * (hits + 1) / bytes");
}

}  // namespace

int main(int argc, char** argv) { return suite_main(argc, argv, "cache", run_suite); }
