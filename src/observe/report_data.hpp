#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <deriva/core/event.hpp>
#include <deriva/observe/inputs_of.hpp>

namespace deriva::detail {

/// What a report is made of. Times are in seconds since its beginning.
struct ReportData {
  static constexpr std::size_t violations_kept = 100;

  struct Function {
    std::string name;
    std::uint64_t failed = 0;
    std::vector<double> durations;
    double total = 0;
    std::uint64_t input_bytes = 0;
    std::uint64_t output_bytes = 0;
  };
  struct Run {
    Address address;
    double start = 0;
    double duration = 0;
    std::uint32_t track = 0;
    std::uint32_t function = 0;
    event::Reason reason{};
    event::Ending ending{};
  };
  struct Tier {
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
  };
  struct Violation {
    std::string address;
    std::string function;
    std::string verdict;
    double at = 0;
  };
  using Series = std::vector<std::pair<double, double>>;

  /// Moves the beginning back.
  void shift(double by) {
    seconds += by;
    for (Run& run : runs) run.start += by;
    for (Violation& violation : violations) violation.at += by;
    for (auto* series : {&written, &cached}) {
      for (auto& [time, value] : *series) time += by;
    }
  }

  std::uint64_t events = 0;
  std::uint64_t dropped = 0;
  double seconds = 0;
  std::uint64_t requests_hit = 0;
  std::uint64_t requests_computed = 0;
  std::uint64_t requests_failed = 0;
  std::uint64_t requests_cancelled = 0;
  std::array<Tier, 2> tiers;
  std::array<std::uint64_t, event::reasons> reasons{};
  std::array<std::uint64_t, 3> verdicts{};
  std::uint64_t commits = 0;
  double flushed = 0;
  std::vector<Violation> violations;
  std::vector<Function> functions;
  std::vector<std::string> tracks;
  std::vector<Run> runs;
  Series written;  ///< Bytes that functions returned, one by one.
  Series cached;   ///< Bytes in memory, whenever they change.
};

/// The data as the page's script reads it. `unix_milliseconds` is when the report begins.
[[nodiscard]] std::string report_json(const ReportData& data, std::string_view title, std::int64_t unix_milliseconds,
                                      const InputsOf& inputs);

}  // namespace deriva::detail
