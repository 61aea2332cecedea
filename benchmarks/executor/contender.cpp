#include "executor/contender.hpp"

#include <cstring>

#include "support/suite.hpp"

namespace bench {

std::uint64_t number_in(const deriva::Blob& blob) {
  std::uint64_t number = 0;
  std::memcpy(&number, blob.view().data(), sizeof(number));
  return number;
}

deriva::Blob blob_of(std::uint64_t number) { return deriva::Blob::copy_of(std::as_bytes(std::span(&number, 1))); }

std::uint64_t sum_of(std::span<const deriva::Blob> inputs) {
  std::uint64_t sum = 0;
  for (const deriva::Blob& input : inputs) sum += number_in(input);
  return sum;
}

deriva::Blob Job::run(std::span<const deriva::Blob> inputs) const { return blob_of(run(sum_of(inputs))); }

Job::Job(const WorkGraph& graph, const Work& work)
    : graph_(graph), expected_(graph.expected()), work_(work), id_([] {
        static std::atomic<std::uint64_t> jobs{0};
        return ++jobs;
      }()) {}

void Job::check(const std::string& contender, std::uint64_t value) {
  std::uint64_t calls = 0;
  for (Calls& of_thread : calls_) calls += of_thread.count.exchange(0);
  require(calls == graph_.size(), contender + " ran " + std::to_string(calls) + " functions for " +
                                      std::to_string(graph_.size()) + " nodes of " + graph_.shape);
  require(value == expected_, contender + " computed a wrong value of " + graph_.shape);
}

}  // namespace bench
