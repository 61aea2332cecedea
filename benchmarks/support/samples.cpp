#include "support/samples.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <stdexcept>

namespace bench {

double median(std::vector<double> values) {
  if (values.empty()) throw std::logic_error("the median of nothing");
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double percentile(std::vector<double> values, double share) {
  if (values.empty()) throw std::logic_error("a percentile of nothing");
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
  return values[std::clamp<std::size_t>(rank, 1, values.size()) - 1];
}

const std::vector<double>& Samples::values(const std::string& contender, const std::string& measure) const {
  const auto found = values_.find({contender, measure});
  if (found == values_.end()) throw std::logic_error(contender + " has no sample of " + measure);
  return found->second;
}

double Samples::median(const std::string& contender, const std::string& measure) const {
  return bench::median(values(contender, measure));
}

double Samples::ratio(const std::string& ours, const std::string& peer, const std::string& measure) const {
  const std::vector<double>& a = values(ours, measure);
  const std::vector<double>& b = values(peer, measure);
  if (a.size() != b.size()) throw std::logic_error(ours + " and " + peer + " were not measured in turns: " + measure);
  std::vector<double> ratios(a.size());
  std::transform(a.begin(), a.end(), b.begin(), ratios.begin(), [](double x, double y) { return x / y; });
  return bench::median(std::move(ratios));
}

void take_turns(std::size_t rounds, const std::vector<std::function<void()>>& contenders, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::size_t> order(contenders.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t round = 0; round < rounds; ++round) {
    std::shuffle(order.begin(), order.end(), random);
    for (const std::size_t i : order) contenders[i]();
  }
}

}  // namespace bench
