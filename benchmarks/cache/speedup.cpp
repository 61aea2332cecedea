#include "cache/speedup.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include "support/samples.hpp"
#include "support/suite.hpp"

namespace bench {
namespace {

constexpr std::size_t batch = 500;
constexpr std::size_t batches = 20'000;
constexpr int most_rounds = 100;
constexpr std::size_t enough_spans = 1'000;

struct Span {
  std::int64_t begin;
  std::int64_t end;
};
using Spans = std::vector<Span>;

std::int64_t now() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

Spans run(const std::function<std::size_t(std::size_t)>& operation, std::size_t first) {
  Spans spans;
  spans.reserve(batches);
  std::size_t sum = 0;
  for (std::size_t i = 0; i < batches; ++i) {
    const std::int64_t begin = now();
    for (std::size_t k = 0; k < batch; ++k) sum += operation(first + i * batch + k);
    spans.push_back({begin, now()});
  }
  require(sum >= batch * batches, "an operation found nothing");
  return spans;
}

double usual(const Spans& spans) {
  std::vector<double> times;
  for (const Span& span : spans) times.push_back(static_cast<double>(span.end - span.begin));
  return median(std::move(times));
}

/// Those of `ours` that began and ended within batches of the other thread that were not interrupted.
Spans together(const Spans& ours, const Spans& theirs) {
  const double longest = 5 * usual(theirs);
  Spans both;
  std::size_t k = 0;
  for (const Span& span : ours) {
    while (k < theirs.size() && theirs[k].end < span.begin) ++k;
    std::size_t last = k;
    bool ran = k < theirs.size() && theirs[k].begin <= span.begin;
    for (; ran && last < theirs.size(); ++last) {
      ran = static_cast<double>(theirs[last].end - theirs[last].begin) <= longest;
      if (theirs[last].end >= span.end) break;
    }
    if (ran && last < theirs.size()) both.push_back(span);
  }
  return both;
}

}  // namespace

double speedup_of_two(const std::function<std::size_t(std::size_t)>& operation) {
  const Spans alone = run(operation, 0);
  Spans both;
  for (int round = 0; round < most_rounds && both.size() < enough_spans; ++round) {
    std::array<Spans, 2> spans;
    std::atomic<int> waiting{2};
    const auto thread = [&](std::size_t mine) {
      --waiting;
      while (waiting != 0) std::this_thread::yield();
      spans[mine] = run(operation, mine * 7);
    };
    std::thread other(thread, 1);
    thread(0);
    other.join();
    const Spans found = together(spans[0], spans[1]);
    both.insert(both.end(), found.begin(), found.end());
  }
  require(both.size() >= enough_spans, "the two threads hardly ever ran at the same time");
  return 2 * usual(alone) / usual(both);
}

}  // namespace bench
