#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace bench {

/// The middle one; the mean of the middle two. Throws `std::logic_error` if there are none.
[[nodiscard]] double median(std::vector<double> values);
/// The value that `share` of the values (0 to 1) are not above.
[[nodiscard]] double percentile(std::vector<double> values, double share);

/// What contenders measured, one sample per round. Samples of the same round were taken close to each other, so their
/// ratio stands when the machine gets slower or faster in between.
class Samples {
 public:
  void add(const std::string& contender, const std::string& measure, double value) {
    values_[{contender, measure}].push_back(value);
  }
  [[nodiscard]] bool has(const std::string& contender, const std::string& measure) const {
    return values_.contains({contender, measure});
  }
  /// Median over the rounds.
  [[nodiscard]] double median(const std::string& contender, const std::string& measure) const;
  /// Median over the rounds of the ratio of ours to the peer's.
  [[nodiscard]] double ratio(const std::string& ours, const std::string& peer, const std::string& measure) const;

 private:
  [[nodiscard]] const std::vector<double>& values(const std::string& contender, const std::string& measure) const;

  std::map<std::pair<std::string, std::string>, std::vector<double>> values_;
};

/// Calls every contender once per round, each round in another order; the orders follow from the seed.
void take_turns(std::size_t rounds, const std::vector<std::function<void()>>& contenders, std::uint32_t seed = 1);

/// How long the call takes, in ns.
template <class Call>
double nanoseconds(Call&& call) {
  const auto start = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count();
}

/// Processor time that the call takes, of all threads of this process, in ns.
template <class Call>
double cpu_nanoseconds(Call&& call) {
  const std::clock_t start = std::clock();
  call();
  return static_cast<double>(std::clock() - start) * (1e9 / CLOCKS_PER_SEC);
}

/// `count` things in `ns` nanoseconds, as a rate per second.
inline double rate(std::size_t count, double ns) { return static_cast<double>(count) * 1e9 / ns; }

}  // namespace bench
