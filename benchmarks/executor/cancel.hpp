#pragma once

#include <filesystem>

#include "support/report.hpp"
#include "support/suite.hpp"

namespace bench {

/// How soon a large request ends that is cancelled half-way, and how long freeing what it planned takes.
void measure_cancel(const Options& options, Report& report, const std::filesystem::path& scratch);

}  // namespace bench
