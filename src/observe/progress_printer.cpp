#include <deriva/observe/progress_printer.hpp>

#include <cstdio>
#include <utility>
#include <vector>

#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "observe/human.hpp"

namespace deriva {

std::string progress_line(const ProgressReport& report) {
  std::vector<std::string> facts;
  if (report.bytes > 0) facts.push_back(detail::human_bytes(report.bytes));
  if (report.failed > 0) facts.push_back(fmt::format("{} failed", report.failed));
  if (report.finished) {
    facts.push_back(fmt::format("done in {}", detail::human_duration(report.elapsed)));
  } else {
    facts.push_back(fmt::format("{} running", report.running));
    if (report.remaining) facts.push_back(fmt::format("{} left", detail::human_clock(*report.remaining)));
  }
  std::string line = fmt::format("[{}/{}] {}", report.done, report.total, fmt::join(facts, ", "));
  if (!report.finished && !report.current.empty()) line += ": " + report.current;
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
  return ProgressPrinter([](std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }, options);
}

void ProgressPrinter::operator()(const ProgressReport& report) {
  if (report.finished && report.total == 0) return clear();
  const std::string line = progress_line(report);
  if (options_.terminal) {
    // Rewritten from the first column; what is left of a longer line before is erased.
    write_('\r' + line.substr(0, options_.columns) + "\x1b[K" + (report.finished ? "\n" : ""));
    open_ = !report.finished;
    return;
  }
  if (!report.finished && printed_.count() >= 0 && report.elapsed - printed_ < options_.plain_interval) return;
  printed_ = report.finished ? std::chrono::nanoseconds(-1) : report.elapsed;
  write_(line + '\n');
}

void ProgressPrinter::clear() {
  if (std::exchange(open_, false)) write_("\r\x1b[K");
}

}  // namespace deriva
