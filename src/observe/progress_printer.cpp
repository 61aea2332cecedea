#include <deriva/observe/progress_printer.hpp>

#include <array>
#include <cstdio>
#include <utility>

#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "observe/human.hpp"

namespace deriva {

std::string progress_line(const ProgressReport& report) {
  std::string line = fmt::format("[{}/{}] {}", report.done, report.total, detail::human_bytes(report.bytes));
  if (report.failed > 0) line += fmt::format(", {} failed", report.failed);
  if (report.finished) return line + fmt::format(", done in {}", detail::human_duration(report.elapsed));
  line += fmt::format(", {} running", report.running);
  if (report.remaining) line += fmt::format(", {} left", detail::human_clock(*report.remaining));
  if (!report.current.empty()) line += ": " + report.current;
  return line;
}

ProgressPrinter::ProgressPrinter(Write write, ProgressPrinterOptions options)
    : write_(std::move(write)), options_(options) {}

ProgressPrinter ProgressPrinter::to_stderr() {
  ProgressPrinterOptions options;
  options.terminal = ::isatty(STDERR_FILENO) == 1;
  if (winsize size{}; options.terminal && ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    options.columns = size.ws_col;
  }
  return {[](std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }, options};
}

void ProgressPrinter::operator()(const ProgressReport& report) {
  const std::string line = progress_line(report);
  if (options_.terminal) {
    // Rewritten from the first column; what is left of a longer line before is erased.
    write_('\r' + line.substr(0, options_.columns) + "\x1b[K" + (report.finished ? "\n" : ""));
    return;
  }
  if (!report.finished && printed_.count() >= 0 && report.elapsed - printed_ < options_.plain_interval) return;
  printed_ = report.finished ? std::chrono::nanoseconds(-1) : report.elapsed;
  write_(line + '\n');
}

}  // namespace deriva
