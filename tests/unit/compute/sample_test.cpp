#include "compute/sample.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "support/catch.hpp"

namespace deriva::test {
namespace {

using detail::draw;
using detail::Sample;

std::vector<Address> addresses(int count) {
  std::vector<Address> made;
  for (int i = 0; i < count; ++i) made.push_back(Address::of_leaf(as_bytes(std::to_string(i))));
  return made;
}
std::vector<Address> choose(double fraction, std::size_t count, std::uint64_t seed, const std::vector<Address>& from) {
  Sample sample(fraction, count, seed);
  for (const Address& address : from) sample.offer(address);
  return std::move(sample).take();
}

TEST_CASE("sample: 0 chooses none and 1 all, the extreme addresses included") {
  std::vector<Address> all = addresses(1'000);
  std::array<std::byte, 32> bytes{};
  all.emplace_back(bytes);
  bytes.fill(std::byte{0xFF});
  all.emplace_back(bytes);
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    REQUIRE(choose(0.0, 0, seed, all).empty());
    REQUIRE(choose(1.0, 0, seed, all) == all);
  }
}

TEST_CASE("sample: a tenth is a tenth, within three standard deviations, for addresses and for seeds") {
  constexpr int n = 10'000;
  const double deviation = std::sqrt(n * 0.1 * 0.9);
  REQUIRE(std::abs(static_cast<double>(choose(0.1, 0, 12345, addresses(n)).size()) - n * 0.1) < 3 * deviation);
  const Address one = addresses(1).front();
  int chosen = 0;
  for (std::uint64_t seed = 0; seed < n; ++seed) chosen += draw(one, seed) < 0.1 ? 1 : 0;
  REQUIRE(std::abs(chosen - n * 0.1) < 3 * deviation);
}

TEST_CASE("sample: the same seed chooses the same, another one otherwise") {
  const std::vector<Address> all = addresses(1'000);
  REQUIRE(choose(0.5, 0, 1, all) == choose(0.5, 0, 1, all));
  REQUIRE(choose(0.5, 0, 1, all) != choose(0.5, 0, 2, all));
}

TEST_CASE("sample: a limit keeps the lowest draws, whatever the order of the offers") {
  std::vector<Address> all = addresses(1'000);
  std::vector<Address> expected = all;
  std::sort(expected.begin(), expected.end(),
            [](const Address& a, const Address& b) { return draw(a, 9) < draw(b, 9); });
  expected.resize(10);
  REQUIRE(choose(1.0, 10, 9, all) == expected);
  std::reverse(all.begin(), all.end());
  REQUIRE(choose(1.0, 10, 9, all) == expected);
  REQUIRE(choose(1.0, 2'000, 9, all).size() == 1'000);
  REQUIRE(choose(0.005, 1'000, 9, all) == choose(0.005, 0, 9, expected));
}

}  // namespace
}  // namespace deriva::test
