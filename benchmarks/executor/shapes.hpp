#pragma once

#include "support/suite.hpp"

namespace bench {

/// Graphs of every shape, in memory, beside other designs; and with results stored.
void measure_shapes(const Options& options, Report& report, const std::filesystem::path& scratch);

}  // namespace bench
