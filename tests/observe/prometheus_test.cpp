#include <deriva/observe/prometheus.hpp>

#include <algorithm>
#include <memory>

#include <prometheus/text_serializer.h>

#include <deriva/core/observer_hub.hpp>
#include <deriva/observe/open_metrics.hpp>

#include "support/catch.hpp"

namespace deriva {
namespace {

TEST_CASE("prometheus-cpp: the collectable gives every family and every number of a snapshot") {
  ObserverHub hub;
  const auto metrics = Metrics::attach(hub);
  const event::NameId f = hub.name_id("f/1");
  const event::Time start = event::Clock::now();
  const event::Time end = start + std::chrono::milliseconds(2);
  hub.emit_at(end,
              event::FunctionFinished{1, 1, start, {}, 10, 20, f, event::Reason::evicted, event::Ending::succeeded});
  hub.emit_at(end, event::CacheInserted{{}, 70, 0, false});

  const std::shared_ptr<prometheus::Collectable> collectable = std::make_shared<PrometheusCollectable>(metrics);
  const std::vector<prometheus::MetricFamily> collected = collectable->Collect();
  const std::vector<MetricFamily> families = metrics->snapshot();
  REQUIRE(collected.size() == families.size());
  for (std::size_t i = 0; i < families.size(); ++i) {
    CHECK(collected[i].name == families[i].name);
    CHECK(collected[i].help == families[i].help);
    CHECK(collected[i].metric.size() == families[i].samples.size());
  }
  // prometheus-cpp's own writer says the same as ours.
  const std::string theirs = prometheus::TextSerializer().Serialize(collected);
  for (const char* line :
       {"# TYPE deriva_compute_total counter", "# TYPE deriva_cache_entries gauge",
        "# TYPE deriva_compute_duration_seconds histogram",
        "deriva_compute_total{function=\"f/1\",result=\"succeeded\"} 1",
        "deriva_compute_duration_seconds_count{function=\"f/1\"} 1", "deriva_cache_size_bytes 70",
        "deriva_compute_input_bytes_sum{function=\"f/1\"} 10", "deriva_compute_reason_total{reason=\"evicted\"} 1"}) {
    CHECK_THAT(theirs, test::contains(std::string(line) + "\n"));
    CHECK_THAT(to_text(families, MetricsFormat::prometheus), test::contains(std::string(line) + "\n"));
  }
}

}  // namespace
}  // namespace deriva
