#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "compute/use_history.hpp"
#include "support/catch.hpp"

namespace deriva::test {
namespace {

using detail::UseHistory;

/// Halves counters one by one, each after as many insertions as it says, and all of them are there from the beginning.
class OneByOne {
 public:
  explicit OneByOne(std::size_t counters) : counters_(counters) {}

  void tick(std::size_t entries) {
    for (due_ += counters_.size(); due_ >= 8 * entries + 8; due_ -= 8 * entries + 8) {
      counters_[hand_] /= 2;
      if (++hand_ < counters_.size()) continue;
      hand_ = 0;
      ++generation_;
    }
  }
  void remember(std::size_t hash, std::uint8_t uses) {
    for (std::uint8_t* counter : {&counters_[first(hash)], &counters_[second(hash)]})
      *counter = std::max(*counter, uses);
  }
  [[nodiscard]] std::uint8_t uses(std::size_t hash) const {
    return std::min(counters_[first(hash)], counters_[second(hash)]);
  }
  [[nodiscard]] std::uint32_t generation() const { return generation_; }

 private:
  [[nodiscard]] std::size_t first(std::size_t hash) const { return (hash >> 24U) % counters_.size(); }
  [[nodiscard]] std::size_t second(std::size_t hash) const {
    return ((hash * 0x9e3779b97f4a7c15ULL) >> 32U) % counters_.size();
  }

  std::vector<std::uint8_t> counters_;
  std::size_t hand_ = 0;
  std::size_t due_ = 0;
  std::uint32_t generation_ = 0;
};

TEST_CASE("use history: counters are halved when it is their turn, however many of them an insertion brings on") {
  const std::size_t counters = GENERATE(std::size_t{1'024}, std::size_t{4'096}, std::size_t{32'768});
  const bool often = GENERATE(true, false);
  std::mt19937_64 random(counters + (often ? 1 : 0));
  std::vector<std::uint8_t> memory(counters, std::uint8_t{0xA5});  // Of any content.
  UseHistory history(memory);
  OneByOne expected(counters);
  std::vector<std::size_t> hashes;
  std::size_t known = 0;
  for (std::size_t i = 0; i < 20'000; ++i) {
    const std::size_t entries = random() % (i < 5'000 ? 4 : counters);
    history.tick(entries);
    expected.tick(entries);
    if (random() % (often ? 2 : 500) == 0) {
      hashes.push_back(random());
      const auto uses = static_cast<std::uint8_t>(random() % 255 + 1);
      history.remember(hashes.back(), uses);
      expected.remember(hashes.back(), uses);
    }
    REQUIRE(history.generation() == expected.generation());
    const std::size_t hash = hashes.empty() || random() % 2 == 0 ? random() : hashes[random() % hashes.size()];
    REQUIRE(history.uses(hash) == expected.uses(hash));
    known += history.uses(hash) > 0 ? 1U : 0U;
  }
  REQUIRE(history.generation() > 100);
  REQUIRE(known > 0);
}

}  // namespace
}  // namespace deriva::test
