#include "support/micro.hpp"

#include <stdexcept>
#include <string>
#include <vector>

#include "support/samples.hpp"

namespace bench {
namespace {

/// Keeps the times of the repetitions and prints nothing.
class Collector final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }

  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.error_occurred) {
        error_ = run.run_name.function_name + ": " + run.error_message;
      } else if (run.run_type == Run::RT_Iteration) {
        times_[run.run_name.function_name].push_back(run.GetAdjustedRealTime());
      }
    }
  }

  [[nodiscard]] std::map<std::string, double> medians() const {
    if (!error_.empty()) throw std::runtime_error(error_);
    std::map<std::string, double> out;
    for (const auto& [name, times] : times_) out[name] = median(times);
    return out;
  }

 private:
  std::map<std::string, std::vector<double>> times_;
  std::string error_;
};

}  // namespace

void Micro::add(const std::string& name, Body body, int threads) {
  entries_.push_back({name, std::move(body), threads});
}

std::map<std::string, double> Micro::run(std::uint64_t repetitions) const {
  std::vector<std::string> arguments{"micro", "--benchmark_enable_random_interleaving=true",
                                     "--benchmark_repetitions=" + std::to_string(repetitions),
                                     "--benchmark_min_time=0.2"};
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  int count = static_cast<int>(pointers.size());
  benchmark::Initialize(&count, pointers.data());
  benchmark::ClearRegisteredBenchmarks();
  for (const Entry& entry : entries_) {
    benchmark::RegisterBenchmark(entry.name.c_str(), entry.body)
        ->Threads(entry.threads)
        ->UseRealTime()
        ->Unit(benchmark::kNanosecond);
  }
  Collector collector;
  if (benchmark::RunSpecifiedBenchmarks(&collector) != entries_.size()) {
    throw std::runtime_error("Google Benchmark left out benchmarks");
  }
  return collector.medians();
}

}  // namespace bench
