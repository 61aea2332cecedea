// A budget of bytes for values.

#include <cstdint>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"

namespace deriva::test {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20U;

/// Functions with large values, and one that adds up their sizes.
struct MemoryFixture : ComputeFixture {
  MemoryFixture() {
    add("large", [](std::span<const Blob>, const Params& params) {
      return Blob::adopt(std::string(static_cast<std::size_t>(std::get<std::int64_t>(params.at("size"))), 'x'));
    });
    add("count", [](std::span<const Blob> inputs, const Params&) {
      std::size_t sum = 0;
      for (const Blob& input : inputs)
        sum += input.size() > 64 ? input.size() : std::stoul(std::string(as_text(input)));
      return Blob::adopt(std::to_string(sum));
    });
  }
  Address large(std::int64_t number, std::size_t size) {
    return recipe("large", {}, {{"number", number}, {"size", static_cast<std::int64_t>(size)}});
  }
};

ExecutorOptions within(std::size_t bytes, bool store_results = true) {
  ExecutorOptions options;
  options.memory_bytes = bytes;
  options.store_results = store_results;
  return options;
}

#define DERIVA_EVERY_EXECUTOR OnPool<1>, OnPool<3>, OnThisThread

TEMPLATE_TEST_CASE("memory: far more values than fit are computed, written, forgotten and read again", "",
                   DERIVA_EVERY_EXECUTOR) {
  MemoryFixture f;
  TestType on(f, within(4 * mebibyte));
  constexpr std::size_t size = 16'384;
  std::vector<Address> all;
  for (int i = 0; i < 1'000; ++i) all.push_back(f.large(i, size));
  std::vector<Address> sums;  // Each value is wanted twice, far apart.
  for (std::size_t i = 0; i < all.size(); i += 50) {
    std::vector<Address> some(all.begin() + static_cast<std::ptrdiff_t>(i),
                              all.begin() + static_cast<std::ptrdiff_t>(i + 50));
    for (std::size_t far = i / 50; far < all.size(); far += 20) some.push_back(all[far]);
    sums.push_back(f.recipe("count", some));
  }
  REQUIRE(text_of(on.executor.materialize(f.recipe("count", sums))) == std::to_string(2 * 1'000 * size));
  REQUIRE(f.runs("large") == 1'000);
}

TEMPLATE_TEST_CASE("memory: one function that cannot fit is refused, whatever fits is computed", "",
                   DERIVA_EVERY_EXECUTOR) {
  MemoryFixture f;
  TestType on(f, within(mebibyte));
  REQUIRE(text_of(on.executor.materialize(f.recipe("count", {f.large(0, 2 * mebibyte)}))) == "!over_budget");
  std::vector<Address> inputs;
  for (int i = 0; i < 20; ++i) inputs.push_back(f.large(i, 100'000));
  REQUIRE(text_of(on.executor.materialize(f.recipe("count", inputs))) == "!over_budget");
  inputs.resize(5);
  REQUIRE(text_of(on.executor.materialize(f.recipe("count", inputs))) == "500000");
}

TEMPLATE_TEST_CASE("memory: what cannot be written cannot be forgotten", "", DERIVA_EVERY_EXECUTOR) {
  MemoryFixture f;
  TestType on(f, within(mebibyte, false));
  std::vector<Address> sums;
  for (int i = 0; i < 100; ++i) sums.push_back(f.recipe("count", {f.large(i, 100'000)}));
  REQUIRE(text_of(on.executor.materialize(f.recipe("count", sums))) == "10000000");
  std::vector<Address> inputs;
  for (int i = 100; i < 120; ++i) inputs.push_back(f.large(i, 100'000));
  REQUIRE(text_of(on.executor.materialize(f.recipe("count", inputs))) == "!over_budget");
  REQUIRE(text_of(on.executor.materialize(f.recipe("count", {inputs[0]}))) == "100000");
}

}  // namespace
}  // namespace deriva::test
