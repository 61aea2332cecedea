// What the executor costs beside the functions that it runs.

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "executor/cancel.hpp"
#include "executor/cutoff.hpp"
#include "executor/fail.hpp"
#include "executor/fair.hpp"
#include "executor/memory.hpp"
#include "executor/requests.hpp"
#include "executor/shapes.hpp"
#include "executor/turns_apart.hpp"
#include "support/scratch.hpp"
#include "support/suite.hpp"

namespace {

void run_suite(const bench::Options& options, bench::Report& report) {
  const std::vector<
      std::pair<std::string, void (*)(const bench::Options&, bench::Report&, const std::filesystem::path&)>>
      parts{{"requests", bench::measure_requests}, {"cancel", bench::measure_cancel}, {"fail", bench::measure_fail},
            {"fair", bench::measure_fair},         {"memory", bench::measure_memory}, {"cutoff", bench::measure_cutoff},
            {"shapes", bench::measure_shapes}};
  const bench::Scratch scratch(options.scratch);
  const std::vector<std::string>& only = options.contenders;
  for (const auto& [name, measure] : parts) {
    if (only.empty() || std::find(only.begin(), only.end(), name) != only.end())
      measure(options, report, scratch.path());
  }
}

}  // namespace

int main(int argc, char** argv) {
  bench::Children children = bench::request_children();
  children.merge(bench::turn_children());
  return bench::suite_main(argc, argv, "executor", run_suite, children);
}
