#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bench {

struct Finished {
  double wall_ns = 0;  ///< From before the start to after the end.
  int status = 0;      ///< Exit status; 128 + the signal if one ended it.
  std::string output;  ///< Standard output. Standard error goes where ours goes, unless it was to be captured.
};

enum class Capture : std::uint8_t { output, output_and_errors };

/// Runs a program (looked up in PATH) to its end. `environment` has "NAME=value" entries on top of ours.
/// Throws `std::runtime_error` if it cannot be started.
[[nodiscard]] Finished run_process(const std::vector<std::string>& arguments,
                                   const std::vector<std::string>& environment = {}, Capture capture = Capture::output);
/// The same; throws `std::runtime_error` if it does not succeed.
Finished run_checked(const std::vector<std::string>& arguments, const std::vector<std::string>& environment = {},
                     Capture capture = Capture::output);

/// Runs this program again, as the child of this name (see suite.hpp), and returns the numbers that it printed.
[[nodiscard]] std::vector<double> run_child(const std::string& name, std::vector<std::string> arguments);

}  // namespace bench
