#pragma once

#include "support/suite.hpp"

namespace bench {

/// Requests for what is there: in memory, and in a store that a new process opens.
void measure_requests(const Options& options, Report& report, const std::filesystem::path& scratch);

/// Opens a store and asks for one value.
[[nodiscard]] Children request_children();

}  // namespace bench
