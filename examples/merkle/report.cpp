#include "report.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <iostream>
#include <ostream>

#include <unistd.h>

#include "functions.hpp"
#include "problem.hpp"

namespace merkle {
namespace {

constexpr std::size_t names_in_reason = 5;
constexpr std::size_t skipped_lines = 10;

std::string with_unit(double value, const char* unit) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), value < 10 ? "%.2f %s" : "%.1f %s", value, unit);
  return text.data();
}

const std::string& name_of_input(const Graph& graph, const Node& node, std::size_t input) {
  if (node.recipe.function == git_tree_join()) return graph[node.inputs[input]].path;
  return std::get<std::string>(std::get<deriva::List>(node.recipe.params.at("names")).items()[input]);
}

}  // namespace

ProgressLine::ProgressLine(bool enabled) {
  if (enabled && ::isatty(STDERR_FILENO) == 1) printer_ = deriva::ProgressPrinter::to_stderr();
}

void ProgressLine::show(const deriva::ProgressReport& report) {
  const std::lock_guard lock(mutex_);
  if (printer_) (*printer_)(report);
}

void ProgressLine::read(std::size_t done, std::size_t total, std::size_t threads) {
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (!printer_ || now - last_ < std::chrono::milliseconds(100)) return;
  last_ = now;
  deriva::ProgressReport report;
  report.done = done;
  report.running = threads;
  report.total = total;
  report.current = "reading files";
  (*printer_)(report);
}

void ProgressLine::clear() {
  const std::lock_guard lock(mutex_);
  if (printer_) printer_->clear();
}

void ChangeLog::add(const deriva::Computed& computed) {
  const std::lock_guard lock(mutex_);
  computed_.emplace(computed.address, computed.reason);
}

std::string ChangeLog::reason(const Graph& graph, const Node& node) const {
  if (computed_.at(node.address) == deriva::RunReason::evicted) return "its value was there, and is gone";
  if (node.inputs.empty()) return node.file == Node::no_file ? "nothing is in it" : "content is new";
  std::string names;
  std::size_t changed = 0;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    if (!computed_.contains(graph[node.inputs[i]].address)) continue;
    if (++changed > names_in_reason) continue;
    if (changed > 1) names += ", ";
    names += printable(name_of_input(graph, node, i));
  }
  if (changed == 0) return "names, modes or the set of entries changed";
  if (changed > names_in_reason) names += " and " + std::to_string(changed - names_in_reason) + " more";
  return "input changed: " + names;
}

void ChangeLog::print(std::ostream& out, const Graph& graph, std::size_t max_lines) const {
  const std::lock_guard lock(mutex_);
  std::size_t lines = 0;
  for (const Node& node : graph) {
    if (!computed_.contains(node.address) || ++lines > max_lines) continue;
    out << "  " << printable(node.path);
    if (node.occurrences > 1) out << " (and " << node.occurrences - 1 << " equal to it)";
    out << "  " << node.recipe.function << "  " << reason(graph, node) << '\n';
  }
  if (lines > max_lines) out << "  and " << lines - max_lines << " more\n";
}

void print_summary(std::ostream& out, const Summary& summary, const Scan& scan) {
  const auto links =
      std::count_if(scan.files.begin(), scan.files.end(), [](const File& file) { return file.mode == Mode::symlink; });
  std::uint64_t bytes = 0;
  for (const File& file : scan.files) bytes += file.stamp.size;
  const double seconds = std::chrono::duration<double>(summary.time).count();
  const double megabytes = static_cast<double>(bytes) / 1e6;
  out << "root      " << summary.root << '\n'
      << "files     " << scan.files.size() << " in " << scan.directories.size() << " directories, " << links
      << " of them symbolic links\n"
      << "bytes     " << bytes << '\n'
      << "read      " << summary.files_read << " of the files\n"
      << "recipes   " << summary.recipes << '\n'
      << "computed  " << summary.computed << '\n'
      << "reused    " << summary.recipes - summary.computed << '\n'
      << "time      " << with_unit(seconds * 1e3, "ms");
  if (summary.files_read >= scan.files.size()) out << ", " << with_unit(megabytes / seconds, "MB/s");
  out << '\n';
}

void print_skipped(const Scan& scan) {
  for (std::size_t i = 0; i < std::min(scan.skipped.size(), skipped_lines); ++i) {
    std::cerr << "merkle: note: left out " << printable(scan.skipped[i].path) << ": " << scan.skipped[i].reason << '\n';
  }
  if (scan.skipped.size() > skipped_lines) {
    std::cerr << "merkle: note: and left out " << scan.skipped.size() - skipped_lines << " more\n";
  }
}

}  // namespace merkle
