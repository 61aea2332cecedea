#pragma once

#include <filesystem>

#include "support/report.hpp"
#include "support/suite.hpp"

namespace bench {

/// How soon a large request ends when something fails that nearly all of it depends on, and how long others wait
/// meanwhile.
void measure_fail(const Options& options, Report& report, const std::filesystem::path& scratch);

}  // namespace bench
