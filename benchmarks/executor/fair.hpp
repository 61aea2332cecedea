#pragma once

#include <filesystem>

#include "support/report.hpp"
#include "support/suite.hpp"

namespace bench {

/// How long a small request takes beside a large one, on one thread.
void measure_fair(const Options& options, Report& report, const std::filesystem::path& scratch);

}  // namespace bench
