#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"

namespace deriva::test {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20U;
constexpr std::size_t value_bytes = 512;
constexpr std::size_t budget = 64 * mebibyte;
constexpr std::size_t beside = 100 * mebibyte;  // What a million planned nodes and all the rest may take.

/// Memory of this process that is no file's, in bytes.
std::size_t anonymous_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::size_t kibibytes = 0;
    if (word == "RssAnon:" && status >> kibibytes) return kibibytes * 1'024;
  }
  return 0;
}

/// A million recipes whose values take half a gigabyte; looks at its memory now and then while they are computed.
struct WideFixture : ComputeFixture {
  WideFixture() : ComputeFixture(std::uintmax_t{4} << 30U) {
    add("node", [this](std::span<const Blob> inputs, const Params&) {
      if (++nodes % 1'024 == 0) look();
      std::string value(value_bytes, 'x');
      std::uint64_t sum = 1;
      for (const Blob& input : inputs) sum += number_of(input);
      value.replace(0, 20, std::to_string(sum % 1'000'000'007) + std::string(20, ' '), 0, 20);
      return Blob::adopt(std::move(value));
    });
  }
  static std::uint64_t number_of(const Blob& value) { return std::stoull(std::string(as_text(value).substr(0, 20))); }
  void look() {
    const std::size_t now = anonymous_memory();
    for (std::size_t seen = peak; seen < now && !peak.compare_exchange_weak(seen, now);) {
    }
  }
  Address node(std::int64_t number, std::vector<Address> inputs) {
    batch_.push_back({{"node", "1"}, std::move(inputs), {{"n", number}}});
    const Address address = batch_.back().address();
    if (batch_.size() == 20'000) put();
    return address;
  }
  void put() {
    REQUIRE(store->put_recipes(batch_).has_value());
    batch_.clear();
  }
  void compute(const Address& target, std::uint64_t recipes) {
    put();
    const std::size_t before = anonymous_memory();
    ExecutorOptions options;
    options.memory_bytes = budget;
    Outcome outcome;
    MaterializeOptions counted;
    counted.outcome = &outcome;
    OnPool<2> on(*this, options);
    REQUIRE(on.executor.materialize(target, counted).has_value());
    std::printf("%llu computed, %zu MiB at most, %zu before\n", static_cast<unsigned long long>(outcome.computed),
                peak / mebibyte, before / mebibyte);
    REQUIRE(outcome.computed == recipes);
    REQUIRE(peak <= before + budget + beside);
  }
  std::atomic<std::size_t> nodes{0};
  std::atomic<std::size_t> peak{0};

 private:
  std::vector<Recipe> batch_;
};

TEST_CASE("a million dependents of one value take more memory than they may") {
  WideFixture f;
  const Address hub = f.node(0, {});
  std::vector<Address> sums;
  for (std::int64_t i = 0; i < 1'000; ++i) {
    std::vector<Address> some;
    for (std::int64_t j = 0; j < 1'000; ++j) some.push_back(f.node(1 + i * 1'000 + j, {hub}));
    sums.push_back(f.node(-1 - i, std::move(some)));
  }
  f.compute(f.node(-2'000, sums), 1'001'002);
}

TEST_CASE("a thousand layers of a thousand take more memory than they may") {
  WideFixture f;
  std::vector<Address> layer;
  for (std::int64_t i = 0; i < 1'000; ++i) layer.push_back(f.node(i, {}));
  for (std::int64_t depth = 1; depth < 1'000; ++depth) {
    std::vector<Address> next;
    for (std::size_t i = 0; i < layer.size(); ++i) {
      next.push_back(f.node(depth * 1'000 + static_cast<std::int64_t>(i), {layer[i], layer[(i + 1) % layer.size()]}));
    }
    layer = std::move(next);
  }
  f.compute(f.node(-1, layer), 1'000'001);
}

}  // namespace
}  // namespace deriva::test
