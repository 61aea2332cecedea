#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/report.hpp"

namespace bench {

/// What a suite was asked for on its command line.
struct Options {
  std::filesystem::path json;           ///< --json FILE: the rows, as a JSON array. Empty: no file.
  std::filesystem::path scratch;        ///< --scratch DIRECTORY: where to write, on the disk to be measured.
  std::filesystem::path docs;           ///< --docs DIRECTORY: write the results as Markdown (and plots). Empty: do not.
  std::filesystem::path program;        ///< --program FILE: the program to be measured, for suites that run one.
  std::filesystem::path tree;           ///< --tree DIRECTORY: the input, for suites that read one.
  std::optional<std::uint64_t> n;       ///< --n COUNT: size of the workload; each suite has its default.
  std::uint64_t repetitions = 3;        ///< --repetitions COUNT.
  std::vector<std::string> contenders;  ///< --only NAME[,NAME]: leave the other engines, or parts, out.
};

using Suite = std::function<void(const Options&, Report&)>;
/// A part of a suite that has to run in a process of its own; prints numbers to standard output.
using Child = std::function<void(const std::vector<std::string>& arguments)>;
using Children = std::map<std::string, Child>;

/// The main function of a suite: reads the command line, runs, prints, writes. Returns the exit status: 0 also when
/// figures fall short, 1 when something could not be measured.
int suite_main(int argc, char** argv, const std::string& name, const Suite& suite, const Children& children = {});

/// Ends the suite: what was measured was not what was meant. Called after every measurement that could be a cache hit,
/// an empty walk or a failed write.
inline void require(bool holds, const std::string& otherwise) {
  if (!holds) throw std::runtime_error(otherwise);
}

}  // namespace bench
