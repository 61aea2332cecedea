// What the executor costs beside the functions that it runs.

#include "executor/cancel.hpp"
#include "executor/cutoff.hpp"
#include "executor/fail.hpp"
#include "executor/requests.hpp"
#include "executor/shapes.hpp"
#include "support/scratch.hpp"
#include "support/suite.hpp"

namespace {

void run_suite(const bench::Options& options, bench::Report& report) {
  const bench::Scratch scratch(options.scratch);
  bench::measure_requests(options, report, scratch.path());
  bench::measure_cancel(options, report, scratch.path());
  bench::measure_fail(options, report, scratch.path());
  bench::measure_cutoff(options, report, scratch.path());
  bench::measure_shapes(options, report, scratch.path());
}

}  // namespace

int main(int argc, char** argv) {
  return bench::suite_main(argc, argv, "executor", run_suite, bench::request_children());
}
