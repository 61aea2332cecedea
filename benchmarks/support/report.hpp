#pragma once

#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

#include "support/row.hpp"

namespace bench {

/// What a suite found out.
class Report {
 public:
  void add(Row row) { rows_.push_back(std::move(row)); }
  /// Adds a remark that the figures cannot be understood without.
  void note(std::string text) { notes_.push_back(std::move(text)); }

  [[nodiscard]] const std::vector<Row>& rows() const noexcept { return rows_; }

  /// A table for people; what misses its goal is marked.
  void print(std::ostream& out) const;
  /// The same as a table in Markdown.
  void print_markdown(std::ostream& out) const;
  /// A JSON array, one row per line. Throws `std::runtime_error` if the file cannot be written.
  void write_json(const std::filesystem::path& file) const;

 private:
  std::vector<Row> rows_;
  std::vector<std::string> notes_;
};

}  // namespace bench
