#pragma once

#include <cstddef>

#include "support/suite.hpp"

namespace bench {

// Rows about one engine, deriva's, that a contest has not.

/// Opening in a new process at 100 K, 1 M and 10 M recipes, up to ten times `n`.
void measure_open(const Options& options, Report& report, std::size_t n);
/// Inserting what has a hub as an input, and what comes before its inputs.
void measure_unusual_inserts(const Options& options, Report& report, std::size_t n);
/// One thread against two that ask at the same time; the number of entries.
void measure_readers(const Options& options, Report& report, std::size_t n);
/// Whether the lists that a graph keeps in memory pay, for questions of which few keys get most.
void measure_lists_in_memory(const Options& options, Report& report, std::size_t n);

}  // namespace bench
