#include "observe/report_data.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>
#include <optional>
#include <unordered_map>

#include <fmt/format.h>

#include "observe/json.hpp"

namespace deriva::detail {
namespace {

constexpr std::size_t points = 240;  // Of a curve.

/// Appends a list in brackets, one element by each call of `write(element)`.
template <class Range, class Write>
void append_list(std::string& out, const Range& range, Write write) {
  out += '[';
  bool first = true;
  for (const auto& element : range) {
    if (!std::exchange(first, false)) out += ',';
    write(element);
  }
  out += ']';
}

template <class... Arguments>
void append(std::string& out, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  fmt::format_to(std::back_inserter(out), format, std::forward<Arguments>(arguments)...);
}

std::int64_t microseconds(double seconds) { return std::llround(seconds * 1e6); }

/// The runs of the chain that takes longest if each begins when the one before ends; the last one first. `order`: by
/// their beginnings, so that what is an input comes before what it is an input of.
std::vector<std::size_t> critical_path(const ReportData& data, const std::vector<std::size_t>& order,
                                       const InputsOf& inputs) {
  if (!inputs || data.runs.empty()) return {};
  struct Chain {
    double seconds = 0;
    std::optional<std::size_t> before{};
  };
  constexpr double clocks_differ = 1e-6;
  std::vector<Chain> chains(data.runs.size());
  std::unordered_map<Address, std::size_t> run_of;  // The last one so far: what is verified has several.
  std::size_t longest = order.front();
  for (const std::size_t i : order) {
    const ReportData::Run& run = data.runs[i];
    for (const Address& input : inputs(run.address)) {
      const auto found = run_of.find(input);
      if (found == run_of.end()) continue;
      const ReportData::Run& before = data.runs[found->second];
      if (before.start + before.duration > run.start + clocks_differ) continue;
      if (const double seconds = chains[found->second].seconds; !chains[i].before || seconds > chains[i].seconds) {
        chains[i] = {seconds, found->second};
      }
    }
    chains[i].seconds += run.duration;
    run_of[run.address] = i;
    if (chains[i].seconds > chains[longest].seconds) longest = i;
  }
  std::vector<std::size_t> path;
  for (std::optional<std::size_t> i = longest; i; i = chains[*i].before) path.push_back(*i);
  return path;
}

void append_functions(std::string& out, const ReportData& data) {
  out += "\"functions\":";
  append_list(out, data.functions, [&](const ReportData::Function& function) {
    std::vector<double> sorted = function.durations;
    std::sort(sorted.begin(), sorted.end());
    const auto at = [&](double share) {
      return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
    };
    out += "{\"name\":";
    append_json(out, function.name);
    append(out, R"(,"runs":{},"failed":{},"total":{:.6f},"median":{:.6f},"p95":{:.6f},"max":{:.6f},"in":{},"out":{}}})",
           sorted.size(), function.failed, function.total, at(0.5), at(0.95), sorted.back(), function.input_bytes,
           function.output_bytes);
  });
}

/// Runs by their beginnings, five numbers each: time since the one before, duration (both in microseconds), track,
/// function, and whether it succeeded.
void append_runs(std::string& out, const ReportData& data, const std::vector<std::size_t>& order) {
  out += "\"runs\":";
  std::int64_t previous = 0;
  append_list(out, order, [&](std::size_t i) {
    const ReportData::Run& run = data.runs[i];
    const std::int64_t start = microseconds(run.start);
    append(out, "{},{},{},{},{}", start - std::exchange(previous, start), microseconds(run.duration), run.track,
           run.function, static_cast<int>(run.ending));
  });
}

void append_critical(std::string& out, const ReportData& data, const std::vector<std::size_t>& order,
                     const InputsOf& inputs) {
  std::vector<std::size_t> drawn_as(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) drawn_as[order[i]] = i;
  std::vector<std::size_t> path = critical_path(data, order, inputs);
  std::reverse(path.begin(), path.end());
  append(out, "\"graph\":{},\"critical\":", inputs ? "true" : "false");
  append_list(out, path, [&](std::size_t i) {
    const ReportData::Run& run = data.runs[i];
    append(out, R"({{"run":{},"address":"{}","function":{},"start":{:.6f},"duration":{:.6f},"reason":"{}"}})",
           drawn_as[i], run.address.to_string(), run.function, run.start, run.duration, to_string(run.reason));
  });
}

/// A curve through equal steps of time: what was added until then, or the last value.
void append_curve(std::string& out, const ReportData::Series& series, double seconds, bool sum) {
  std::vector<double> values(points + 1, 0);
  std::vector<bool> set(points + 1, false);
  for (const auto& [time, value] : series) {
    const double share = seconds > 0 ? time / seconds : 1;
    const auto step = static_cast<std::size_t>(std::clamp(std::ceil(share * points), 0.0, static_cast<double>(points)));
    values[step] = sum ? values[step] + value : value;
    set[step] = true;
  }
  for (std::size_t i = 1; i <= points; ++i) {
    if (sum) values[i] += values[i - 1];
    if (!sum && !set[i]) values[i] = values[i - 1];
  }
  append_list(out, values, [&](double value) { append(out, "{:.0f}", value); });
}

void append_counts(std::string& out, const ReportData& data) {
  append(out, R"("requests":{{"computed":{},"hit":{},"failed":{},"cancelled":{}}},)", data.requests_computed,
         data.requests_hit, data.requests_failed, data.requests_cancelled);
  append(out, R"("tiers":[["memory",{},{}],["store",{},{}]],"reasons":)", data.tiers[0].hits, data.tiers[0].misses,
         data.tiers[1].hits, data.tiers[1].misses);
  std::size_t reason = 0;
  append_list(out, data.reasons, [&](std::uint64_t count) {
    append(out, R"(["{}",{}])", to_string(static_cast<event::Reason>(reason++)), count);
  });
  append(out, R"(,"verdicts":[{},{},{}],"commits":{},"flushed":{:.6f},"violations":)", data.verdicts[0],
         data.verdicts[1], data.verdicts[2], data.commits, data.flushed);
  append_list(out, data.violations, [&](const ReportData::Violation& violation) {
    append(out, R"({{"address":"{}","at":{:.6f},"verdict":"{}","function":)", violation.address, violation.at,
           violation.verdict);
    append_json(out, violation.function);
    out += '}';
  });
}

}  // namespace

std::string report_json(const ReportData& data, std::string_view title, std::int64_t unix_milliseconds,
                        const InputsOf& inputs) {
  std::vector<std::size_t> order(data.runs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return data.runs[a].start < data.runs[b].start; });
  std::string out = "{\"title\":";
  append_json(out, title);
  append(out, R"(,"begin":{},"seconds":{:.6f},"events":{},"dropped":{},)", unix_milliseconds, data.seconds, data.events,
         data.dropped);
  append_counts(out, data);
  out += ",\"tracks\":";
  append_list(out, data.tracks, [&](const std::string& track) { append_json(out, track); });
  out += ',';
  append_functions(out, data);
  out += ',';
  append_critical(out, data, order, inputs);
  out += ",\"written\":";
  append_curve(out, data.written, data.seconds, true);
  out += ",\"cached\":";
  append_curve(out, data.cached, data.seconds, false);
  out += ',';
  append_runs(out, data, order);
  return out + '}';
}

}  // namespace deriva::detail
