#include <deriva/observe/open_metrics.hpp>

#include <limits>
#include <vector>

#include "support/catch.hpp"

namespace deriva {
namespace {

std::vector<MetricFamily> families() {
  MetricFamily counter{"jobs_total", "Jobs that \"ended\".\nAll of them.", MetricType::counter, "", {}};
  counter.samples.push_back({{{"kind", "a\\b\"c\nd"}}, 3, {}});
  MetricFamily gauge{"heat_bytes", "Heat.", MetricType::gauge, "bytes", {}};
  gauge.samples.push_back({{}, 1.5, {}});
  MetricFamily histogram{"wait_seconds", "Waiting.", MetricType::histogram, "seconds", {}};
  const double infinite = std::numeric_limits<double>::infinity();
  histogram.samples.push_back({{{"f", "x"}}, 0, {{{0.5, 1}, {1, 2}, {infinite, 4}}, 4, 7.25}});
  MetricFamily empty{"nothing", "Nothing yet.", MetricType::gauge, "", {}};
  return {counter, gauge, histogram, empty};
}

TEST_CASE("open metrics: families are written with HELP, TYPE, UNIT, escapes and the end of the file") {
  CHECK(to_text(families()) ==
        R"(# HELP jobs Jobs that \"ended\".\nAll of them.
# TYPE jobs counter
jobs_total{kind="a\\b\"c\nd"} 3
# HELP heat_bytes Heat.
# TYPE heat_bytes gauge
# UNIT heat_bytes bytes
heat_bytes 1.5
# HELP wait_seconds Waiting.
# TYPE wait_seconds histogram
# UNIT wait_seconds seconds
wait_seconds_bucket{f="x",le="0.5"} 1
wait_seconds_bucket{f="x",le="1.0"} 2
wait_seconds_bucket{f="x",le="+Inf"} 4
wait_seconds_sum{f="x"} 7.25
wait_seconds_count{f="x"} 4
# HELP nothing Nothing yet.
# TYPE nothing gauge
# EOF
)");
}

TEST_CASE("open metrics: Prometheus' own format names a counter's family as its samples, and has no units") {
  const std::string text = to_text(families(), MetricsFormat::prometheus);
  CHECK_THAT(text, test::contains("# TYPE jobs_total counter\n"));
  CHECK_THAT(text, !test::contains("# UNIT"));
  CHECK_THAT(text, test::contains("# HELP jobs_total Jobs that \"ended\".\\nAll of them.\n"));
}

TEST_CASE("open metrics: the format is the one that the reader accepts") {
  const std::string_view prometheus =
      "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;q=0.5";
  CHECK(metrics_format(prometheus) == MetricsFormat::open_metrics);
  CHECK(metrics_format("text/plain;version=0.0.4") == MetricsFormat::prometheus);
  CHECK(metrics_format("") == MetricsFormat::prometheus);
  CHECK(content_type(MetricsFormat::open_metrics).starts_with("application/openmetrics-text"));
  CHECK(content_type(MetricsFormat::prometheus).starts_with("text/plain"));
}

}  // namespace
}  // namespace deriva
