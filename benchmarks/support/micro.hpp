#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

namespace bench {

/// Operations that take less than a millisecond, measured by Google Benchmark.
class Micro {
 public:
  using Body = std::function<void(benchmark::State&)>;

  /// `body` loops `for (auto _ : state)`. With `threads` above 1 it runs on as many at once.
  void add(const std::string& name, Body body, int threads = 1);

  /// Runs all that was added, their repetitions interleaved at random. Returns the median time of one iteration of
  /// each, in ns (of the whole machine: two threads at full speed show half the time of one).
  /// Throws `std::runtime_error` if a body ended with an error.
  [[nodiscard]] std::map<std::string, double> run(std::uint64_t repetitions) const;

 private:
  struct Entry {
    std::string name;
    Body body;
    int threads;
  };
  std::vector<Entry> entries_;
};

}  // namespace bench
