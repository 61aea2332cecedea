#include "executor/contender.hpp"

#include <cstring>

#include "support/suite.hpp"

namespace bench {

std::uint64_t number_in(const deriva::Blob& blob) {
  std::uint64_t number = 0;
  std::memcpy(&number, blob.view().data(), sizeof(number));
  return number;
}

deriva::Blob Job::run(std::span<const deriva::Blob> inputs) const {
  std::uint64_t sum = 0;
  for (const deriva::Blob& input : inputs) sum += number_in(input);
  const std::uint64_t value = run(sum);
  return deriva::Blob::copy_of(std::as_bytes(std::span(&value, 1)));
}

void Job::check(const std::string& contender, std::uint64_t value) {
  const std::uint64_t calls = calls_.exchange(0);
  require(calls == graph_.size(), contender + " ran " + std::to_string(calls) + " functions for " +
                                      std::to_string(graph_.size()) + " nodes of " + graph_.shape);
  require(value == expected_, contender + " computed a wrong value of " + graph_.shape);
}

}  // namespace bench
