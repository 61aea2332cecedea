#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <deriva/observe/progress.hpp>

namespace deriva {

struct ProgressPrinterOptions {
  bool terminal = false;     ///< One line that is rewritten; else a line for each report, not more often than below.
  std::size_t columns = 80;  ///< Of the terminal: a longer line is cut.
  std::chrono::milliseconds plain_interval{5'000};
};

/// "[12/345] 34 MB, 4 running, 1:23 left: resize/1": what the line says, without its end.
[[nodiscard]] std::string progress_line(const ProgressReport& report);

/// Prints progress in the style of ninja. A function object for `ProgressObserver`. A run in which nothing had to be
/// computed leaves nothing behind. Thread safety: none.
class ProgressPrinter {
 public:
  using Write = std::function<void(std::string_view text)>;

  explicit ProgressPrinter(Write write, ProgressPrinterOptions options = {});

  /// Prints to the standard error: rewriting if it is a terminal.
  [[nodiscard]] static ProgressPrinter to_stderr();

  void operator()(const ProgressReport& report);
  /// Erases a line that is not ended yet: for a program that has something else to say.
  void clear();

 private:
  Write write_;
  ProgressPrinterOptions options_;
  std::chrono::nanoseconds printed_{-1};  ///< When the last plain line was, since the run's beginning.
  bool open_ = false;                     ///< A line on the terminal is not ended.
};

}  // namespace deriva
