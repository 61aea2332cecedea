#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <deriva/observe/metric_family.hpp>

#include "support/catch.hpp"

namespace deriva::test {

// Of a snapshot; what is asked for must be there.

using Labels = std::vector<std::pair<std::string, std::string>>;

inline const MetricFamily& family(const std::vector<MetricFamily>& families, std::string_view name) {
  const auto found =
      std::find_if(families.begin(), families.end(), [&](const MetricFamily& one) { return one.name == name; });
  INFO("no family " << name);
  REQUIRE(found != families.end());
  return *found;
}

inline const MetricSample& sample(const std::vector<MetricFamily>& families, std::string_view name,
                                  const Labels& labels = {}) {
  const MetricFamily& of = family(families, name);
  const auto found =
      std::find_if(of.samples.begin(), of.samples.end(), [&](const MetricSample& one) { return one.labels == labels; });
  INFO("no such sample of " << name);
  REQUIRE(found != of.samples.end());
  return *found;
}

inline double value(const std::vector<MetricFamily>& families, std::string_view name, const Labels& labels = {}) {
  return sample(families, name, labels).value;
}

}  // namespace deriva::test
