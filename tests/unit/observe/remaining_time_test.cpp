#include <deriva/observe/remaining_time.hpp>

#include <algorithm>
#include <map>
#include <queue>
#include <random>

#include "observe_fixture.hpp"

namespace deriva {
namespace {

using namespace std::chrono_literals;
using test::labelled;

Address node(std::size_t number) { return labelled(std::to_string(number)); }
const event::Time start = event::Time(1h);

/// A function has run once, and took so long.
void knows(RemainingTime& remaining, const std::string& function, std::chrono::nanoseconds took) {
  remaining.finished(labelled("of another time"), function, took);
}

TEST_CASE("remaining time: nothing is predicted while a planned function has never run") {
  RemainingTime remaining(1);
  remaining.plan(std::vector<PlannedWork>{{node(1), "f/1", {}}});
  CHECK_FALSE(remaining.estimate(start));
  knows(remaining, "f/1", 10s);
  CHECK(remaining.estimate(start) == 10s);
}

TEST_CASE("remaining time: a chain takes the sum, independent work is divided by those who work") {
  RemainingTime remaining(4);
  knows(remaining, "f/1", 10s);
  std::vector<PlannedWork> chain;
  for (std::size_t i = 0; i < 5; ++i) {
    chain.push_back({node(i), "f/1", i == 0 ? std::vector<Address>() : std::vector<Address>{node(i - 1)}});
  }
  remaining.plan(chain);
  CHECK(remaining.estimate(start) == 50s);
  for (std::size_t i = 100; i < 175; ++i) remaining.plan(std::vector<PlannedWork>{{node(i), "f/1", {}}});
  CHECK(remaining.estimate(start) == 200s);  // 80 runs of 10 s, by four.
}

TEST_CASE("remaining time: what runs counts for what is left of it, and never for less than nothing") {
  RemainingTime remaining(1);
  knows(remaining, "f/1", 10s);
  remaining.plan(std::vector<PlannedWork>{{node(1), "f/1", {}}, {node(2), "f/1", {node(1)}}});
  remaining.started(node(1), start);
  CHECK(remaining.estimate(start + 4s) == 16s);
  CHECK(remaining.estimate(start + 60s) == 10s);
  remaining.finished(node(1), "f/1", 10s);
  remaining.started(node(2), start + 60s);
  CHECK(remaining.estimate(start + 61s) == 9s);
  remaining.finished(node(2), "f/1", 10s);
  CHECK(remaining.estimate(start) == 0s);
  remaining.finished(node(2), "f/1", 10s);  // Twice is once.
  CHECK(remaining.estimate(start) == 0s);
}

TEST_CASE("remaining time: planning again changes nothing, clearing forgets the plan and keeps the functions") {
  RemainingTime remaining(1);
  knows(remaining, "f/1", 3s);
  const std::vector<PlannedWork> work = {{node(1), "f/1", {}}};
  remaining.plan(work);
  remaining.plan(work);
  CHECK(remaining.estimate(start) == 3s);
  remaining.clear();
  CHECK(remaining.estimate(start) == 0s);
  remaining.plan(work);
  CHECK(remaining.estimate(start) == 3s);
}

/// Runs a random plan on simulated workers, and says how far each prediction was off, relative to what was really left.
std::vector<double> prediction_errors(std::uint32_t seed, std::size_t workers) {
  std::mt19937 random(seed);
  const auto up_to = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  constexpr std::size_t nodes = 2'000;
  std::vector<PlannedWork> work;
  std::vector<double> seconds;
  std::vector<std::vector<std::size_t>> dependents(nodes);
  std::vector<std::size_t> waiting(nodes, 0);
  RemainingTime remaining(workers);
  std::vector<double> typical;
  for (std::size_t f = 0; f < 8; ++f) {
    typical.push_back(std::exp(std::normal_distribution<double>(0, 1)(random)));
    knows(remaining, "f" + std::to_string(f), std::chrono::nanoseconds(static_cast<std::int64_t>(typical[f] * 1e9)));
  }
  for (std::size_t i = 0; i < nodes; ++i) {
    const std::size_t f = up_to(8);
    PlannedWork one{node(i), "f" + std::to_string(f), {}};
    for (std::size_t n = 0; i > 0 && n < up_to(4); ++n) {
      const std::size_t input = i - 1 - up_to(std::min<std::size_t>(i, 200));
      one.inputs.push_back(node(input));
      dependents[input].push_back(i);
      ++waiting[i];
    }
    work.push_back(one);
    seconds.push_back(typical[f] * std::uniform_real_distribution<double>(0.7, 1.3)(random));
  }
  remaining.plan(work);

  using Running = std::pair<double, std::size_t>;
  std::priority_queue<Running, std::vector<Running>, std::greater<>> running;
  std::queue<std::size_t> ready;
  for (std::size_t i = 0; i < nodes; ++i) {
    if (waiting[i] == 0) ready.push(i);
  }
  const auto at = [](double when) { return start + std::chrono::nanoseconds(static_cast<std::int64_t>(when * 1e9)); };
  double now = 0;
  std::vector<std::pair<double, double>> predictions;
  while (true) {
    while (!ready.empty() && running.size() < workers) {
      running.emplace(now + seconds[ready.front()], ready.front());
      remaining.started(node(ready.front()), at(now));
      ready.pop();
    }
    if (running.empty()) break;
    predictions.emplace_back(now, std::chrono::duration<double>(*remaining.estimate(at(now))).count());
    const auto [end, done] = running.top();
    running.pop();
    now = end;
    remaining.finished(node(done), work[done].function,
                       std::chrono::nanoseconds(static_cast<std::int64_t>(seconds[done] * 1e9)));
    for (const std::size_t dependent : dependents[done]) {
      if (--waiting[dependent] == 0) ready.push(dependent);
    }
  }
  std::vector<double> errors;
  for (const auto& [when, predicted] : predictions) errors.push_back(std::abs(predicted - (now - when)) / (now - when));
  return errors;
}

TEST_CASE("remaining time: the median error is below 20 % once every function has run") {
  for (const std::size_t workers : {std::size_t{1}, std::size_t{4}, std::size_t{32}, std::size_t{1'000}}) {
    std::vector<double> errors;
    for (std::uint32_t seed = 1; seed <= 5; ++seed) {
      const std::vector<double> more = prediction_errors(seed, workers);
      errors.insert(errors.end(), more.begin(), more.end());
    }
    std::nth_element(errors.begin(), errors.begin() + static_cast<std::ptrdiff_t>(errors.size() / 2), errors.end());
    const double median = errors[errors.size() / 2];
    CAPTURE(workers, median);
    CHECK(median < 0.2);
  }
}

}  // namespace
}  // namespace deriva
