#pragma once

#include <filesystem>

#include "support/report.hpp"
#include "support/suite.hpp"

namespace bench {

/// Early cutoff: what passes above a leaf that changed and leads to equal values, and what it costs to be able to.
void measure_cutoff(const Options& options, Report& report, const std::filesystem::path& scratch);

}  // namespace bench
