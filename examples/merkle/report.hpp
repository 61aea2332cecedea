#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include <deriva/compute/materialize_options.hpp>
#include <deriva/observe/progress_printer.hpp>

#include "graph.hpp"
#include "scan.hpp"

namespace merkle {

/// How far things are, in one line on a terminal, which is gone before anything else is said. Thread safety: all
/// members.
class ProgressLine {
 public:
  /// Shows nothing at all if not enabled, or if standard error is not a terminal.
  explicit ProgressLine(bool enabled);
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  ~ProgressLine() { clear(); }

  [[nodiscard]] bool is_shown() const noexcept { return printer_.has_value(); }
  void show(const deriva::ProgressReport& report);
  /// The same for files that are read; not more often than ten times a second.
  void read(std::size_t done, std::size_t total, std::size_t threads);
  void clear();

 private:
  std::mutex mutex_;
  std::optional<deriva::ProgressPrinter> printer_;
  std::chrono::steady_clock::time_point last_{};
};

/// What was computed, and why. Thread safety: all members.
class ChangeLog {
 public:
  void add(const deriva::Computed& computed);

  /// Lists the computed nodes, files first and the root last, `max_lines` at most.
  void print(std::ostream& out, const Graph& graph, std::size_t max_lines) const;

 private:
  [[nodiscard]] std::string reason(const Graph& graph, const Node& node) const;

  mutable std::mutex mutex_;
  std::unordered_map<deriva::Address, deriva::RunReason> computed_;
};

/// The figures of a run.
struct Summary {
  std::string root;
  std::size_t recipes = 0;  ///< That describe the directory; equal files share one.
  std::uint64_t computed = 0;
  std::size_t files_read = 0;  ///< The others are known to be as they were.
  std::chrono::steady_clock::duration time{};
};

void print_summary(std::ostream& out, const Summary& summary, const Scan& scan);

/// One line for each of what was not taken, on standard error; the first few, and how many more.
void print_skipped(const Scan& scan);

}  // namespace merkle
