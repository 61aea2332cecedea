#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace merkle {

/// A file or directory that could not be read, and why.
struct Problem {
  std::string path;
  std::string reason;
};

/// What ends the program: every problem that was found, so that they can be mended together. At least one.
class Problems : public std::runtime_error {
 public:
  Problems(std::string path, std::string reason) : Problems(std::vector{Problem{std::move(path), std::move(reason)}}) {}
  explicit Problems(std::vector<Problem> list) : std::runtime_error(list.front().reason), list_(std::move(list)) {}
  [[nodiscard]] const std::vector<Problem>& list() const noexcept { return list_; }

 private:
  std::vector<Problem> list_;
};

/// The system's sentence for an `errno`: "Permission denied".
[[nodiscard]] std::string system_reason(int error_number);

/// The path as it can be shown on one line of a terminal: as it is, or quoted with escapes if it has control
/// characters.
[[nodiscard]] std::string printable(std::string_view path);

}  // namespace merkle
