#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace deriva {

enum class MetricType : std::uint8_t { counter, gauge, histogram };

/// Observations, counted by size.
struct MetricHistogram {
  struct Bucket {
    double upper_bound = 0;        ///< Inclusive; the last one is infinite.
    std::uint64_t cumulative = 0;  ///< Observations up to the bound.
  };
  std::vector<Bucket> buckets;
  std::uint64_t count = 0;
  double sum = 0;
};

/// One time series of a family.
struct MetricSample {
  std::vector<std::pair<std::string, std::string>> labels;
  double value = 0;           ///< Of a counter or gauge.
  MetricHistogram histogram;  ///< Of a histogram.
};

/// What is known under one name. A family without samples exists, and has nothing to say yet.
struct MetricFamily {
  std::string name;  ///< Of a counter: with "_total".
  std::string help;
  MetricType type = MetricType::gauge;
  std::string unit;  ///< "seconds", "bytes" or nothing; the name ends in it.
  std::vector<MetricSample> samples;
};

}  // namespace deriva
