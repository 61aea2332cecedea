#include "support/report.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <ostream>
#include <stdexcept>

namespace bench {
namespace {

using Line = std::array<std::string, 6>;

const Line heading{"id", "value", "goal", "peer", "peer's", ""};

/// Of a ratio to the peer itself, it says nothing.
bool tells_peer_value(const Row& row) { return row.peer_value && (row.unit != Unit::factor || *row.peer_value != 1); }

Line line_of(const Row& row) {
  const std::string bound = row.better == Better::lower ? "<= " : ">= ";
  return {row.id,
          to_text(row.value, row.unit),
          row.goal ? bound + to_text(*row.goal, row.unit) : "",
          row.peer,
          tells_peer_value(row) ? to_text(*row.peer_value, row.unit) : "",
          falls_short(row) ? "FALLS SHORT" : ""};
}

}  // namespace

void Report::print(std::ostream& out) const {
  std::vector<Line> lines{heading};
  for (const Row& row : rows_) lines.push_back(line_of(row));
  std::array<std::size_t, heading.size()> widths{};
  for (const Line& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  for (const Line& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      const std::string padding(widths[i] - line[i].size(), ' ');
      const bool is_number = i == 1 || i == 2 || i == 4;
      out << (is_number ? padding + line[i] : line[i] + padding) << "  ";
    }
    out << '\n';
  }
  for (const std::string& note : notes_) out << "note: " << note << '\n';
  const auto misses = std::count_if(rows_.begin(), rows_.end(), falls_short);
  out << rows_.size() << " figures, " << misses << " short of their goals" << std::endl;
}

void Report::print_markdown(std::ostream& out) const {
  out << "| id | value | goal | peer | peer's | |\n|---|---:|---:|---|---:|---|\n";
  for (const Row& row : rows_) {
    for (const std::string& cell : line_of(row)) out << "| " << cell << ' ';
    out << "|\n";
  }
  out << '\n';
  for (const std::string& note : notes_) out << "- " << note << '\n';
}

void Report::write_json(const std::filesystem::path& file) const {
  std::ofstream out(file);
  out << "[\n";
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    out << to_json(rows_[i]) << (i + 1 < rows_.size() ? ",\n" : "\n");
  }
  out << "]\n";
  if (!out.flush()) throw std::runtime_error("cannot write " + file.string());
}

}  // namespace bench
