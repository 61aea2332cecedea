#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <mutex>
#include <string>
#include <unordered_map>

#include <deriva/compute/materialize_options.hpp>

#include "graph.hpp"
#include "scan.hpp"

namespace merkle {

/// One line on a terminal that is written again and again, and is gone in the end. Thread safety: all members.
class StatusLine {
 public:
  /// Shows nothing at all if not enabled, or if standard error is not a terminal.
  explicit StatusLine(bool enabled);
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;
  ~StatusLine() { clear(); }

  [[nodiscard]] bool is_shown() const noexcept { return shown_; }
  /// Shows "text  done/total"; not more often than ten times a second.
  void update(const char* text, std::uint64_t done, std::uint64_t total);
  void clear();

 private:
  const bool shown_;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point last_{};
  bool dirty_ = false;
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
  std::chrono::steady_clock::duration time{};
};

void print_summary(std::ostream& out, const Summary& summary, const Scan& scan);

/// One line for each of what was not taken, on standard error; the first few, and how many more.
void print_skipped(const Scan& scan);

}  // namespace merkle
