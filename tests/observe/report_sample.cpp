// Writes the report of a run that is made up: 20,000 functions on 8 threads (100,000 events and some), of a pipeline
// whose last steps depend on each other. The same every time. usage: report_sample FILE

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include <deriva/core/observer_hub.hpp>
#include <deriva/observe/report.hpp>

namespace deriva {
namespace {

struct Step {
  Address address;
  std::size_t function = 0;
  std::vector<std::size_t> inputs;
  std::size_t thread = 0;
  event::Time start;
  event::Time end;
};

struct FunctionKind {
  const char* name;
  double milliseconds;
};
constexpr FunctionKind kinds[] = {{"decode/3", 1.2},   {"resize/1", 2.5}, {"embed/12", 7},   {"index/2", 3},
                                  {"tokenize/1", 0.6}, {"merge/4", 9},    {"publish/1", 22}, {"thumbnail/2", 0.9},
                                  {"checksum/1", 0.2}, {"report/1", 40}};
constexpr std::size_t threads = 8;
constexpr std::size_t steps = 20'000;

std::vector<Step> run_of(std::mt19937& random, event::Time begin) {
  const auto up_to = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  std::vector<Step> run(steps);
  std::vector<event::Time> free(threads, begin);
  for (std::size_t i = 0; i < steps; ++i) {
    Step& step = run[i];
    step.address = Address::of_leaf(as_bytes(std::to_string(i)));
    const bool late = i + 12 >= steps;
    step.function = late ? (i + 1 == steps ? 9 : 5 + i % 2) : std::min<std::size_t>(up_to(9), up_to(9));
    if (late && i > 0) step.inputs.push_back(i - 1);
    for (std::size_t n = 1 + up_to(2); i > 300 && n > 0; --n) step.inputs.push_back(i - 100 - up_to(200));
    const double spread = std::exp(std::normal_distribution<double>(0, 0.5)(random));
    const auto took = std::chrono::microseconds(std::llround(kinds[step.function].milliseconds * spread * 1'000));
    event::Time ready = begin;
    for (const std::size_t input : step.inputs) ready = std::max(ready, run[input].end);
    step.thread = static_cast<std::size_t>(std::min_element(free.begin(), free.end()) - free.begin());
    step.start = std::max(free[step.thread], ready) + std::chrono::microseconds(4);
    step.end = free[step.thread] = step.start + took;
  }
  return run;
}

void tell(ObserverHub& hub, const Step& step, std::uint64_t number) {
  const event::NameId function = hub.name_id(kinds[step.function].name);
  const auto reason = number % 11 == 0  ? event::Reason::input_changed
                      : number % 7 == 0 ? event::Reason::evicted
                                        : event::Reason::never_computed;
  const std::uint64_t out = 2'000 + number * 7 % 9'000;
  hub.emit_at(step.start, event::CacheMiss{1, step.start, step.address, event::Tier::memory});
  hub.emit_at(step.end, event::FunctionFinished{number, 1, step.start, step.address, 3 * out, out, function, reason,
                                                number == 4'321 ? event::Ending::failed : event::Ending::succeeded});
  hub.emit_at(step.end, event::CacheInserted{step.address, out, 0, false});
  for (int hit = 0; hit < 2; ++hit) {
    hub.emit_at(step.end, event::CacheHit{1, step.end, step.address, out, event::Tier::memory});
  }
  if (number > 3'000) hub.emit_at(step.end, event::CacheEvicted{step.address, 2'000 + (number - 3'000) * 7 % 9'000});
  if (number % 40 == 0) {
    const auto verdict = number == 8'000 ? event::Verdict::different : event::Verdict::equal;
    hub.emit_at(step.end, event::Verified{number, 1, step.address, function, verdict});
  }
}

int write_report(const char* file) {
  ObserverHub hub({.ring_events = std::size_t{1} << 20U});
  const event::Time begin = event::Clock::now() - std::chrono::hours(1);
  std::mt19937 random(42);
  const std::vector<Step> run = run_of(random, begin);
  std::unordered_map<Address, std::size_t> number_of;
  for (std::size_t i = 0; i < run.size(); ++i) number_of.emplace(run[i].address, i);
  const auto inputs = [&](const Address& address) {
    std::vector<Address> found;
    for (const std::size_t input : run[number_of.at(address)].inputs) found.push_back(run[input].address);
    return found;
  };
  const auto report = std::make_shared<Report>(ReportOptions{.title = "nightly <index> & publish", .inputs = inputs});
  hub.attach(report);
  hub.emit_at(begin, event::RequestStarted{1, run.back().address, {}});
  std::vector<std::jthread> workers;
  for (std::size_t t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      for (std::size_t i = 0; i < run.size(); ++i) {
        if (run[i].thread == t) tell(hub, run[i], i + 1);
      }
    });
  }
  workers.clear();
  hub.emit_at(run.back().end, event::Committed{run.back().start, 40, std::chrono::milliseconds(12)});
  hub.emit_at(run.back().end, event::RequestFinished{1, begin, run.back().address, 9, steps, event::Ending::succeeded});
  for (std::uint64_t i = 2; i <= 40; ++i) {
    hub.emit_at(run.back().end,
                event::RequestFinished{i, run.back().end, run.back().address, 9, 0, event::Ending::succeeded});
  }
  hub.flush();
  const event::Time before = event::Clock::now();
  const Result<void> written = report->write(file);
  const std::chrono::duration<double> took = event::Clock::now() - before;
  if (!written) {
    std::fprintf(stderr, "%s\n", written.error().message().c_str());
    return 1;
  }
  std::printf("%llu events, %llu dropped, written in %.3f s\n", static_cast<unsigned long long>(hub.stats().delivered),
              static_cast<unsigned long long>(hub.stats().dropped), took.count());
  return 0;
}

}  // namespace
}  // namespace deriva

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  return deriva::write_report(argv[1]);
}
