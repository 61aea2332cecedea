#pragma once

#include <filesystem>

#include "support/report.hpp"
#include "support/suite.hpp"

namespace bench {

/// What the executor takes of the heap: for what is planned, for what runs, for functions that wait; and how often it
/// asks for some.
void measure_memory(const Options& options, Report& report, const std::filesystem::path& scratch);

}  // namespace bench
