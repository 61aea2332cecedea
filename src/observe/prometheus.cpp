#include <deriva/observe/prometheus.hpp>

#include <prometheus/client_metric.h>
#include <prometheus/metric_type.h>

namespace deriva {
namespace {

prometheus::ClientMetric convert(MetricType type, const MetricSample& sample) {
  prometheus::ClientMetric out;
  for (const auto& [name, value] : sample.labels) {
    prometheus::ClientMetric::Label& label = out.label.emplace_back();
    label.name = name;
    label.value = value;
  }
  switch (type) {
    case MetricType::counter:
      out.counter.value = sample.value;
      break;
    case MetricType::gauge:
      out.gauge.value = sample.value;
      break;
    case MetricType::histogram:
      out.histogram.sample_count = sample.histogram.count;
      out.histogram.sample_sum = sample.histogram.sum;
      for (const MetricHistogram::Bucket& bucket : sample.histogram.buckets) {
        out.histogram.bucket.push_back({bucket.cumulative, bucket.upper_bound});
      }
      break;
  }
  return out;
}

prometheus::MetricType convert(MetricType type) {
  switch (type) {
    case MetricType::counter:
      return prometheus::MetricType::Counter;
    case MetricType::gauge:
      return prometheus::MetricType::Gauge;
    case MetricType::histogram:
      return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

}  // namespace

std::vector<prometheus::MetricFamily> PrometheusCollectable::Collect() const {
  std::vector<prometheus::MetricFamily> out;
  for (const MetricFamily& family : metrics_->snapshot()) {
    prometheus::MetricFamily& converted = out.emplace_back();
    converted.name = family.name;
    converted.help = family.help;
    converted.type = convert(family.type);
    for (const MetricSample& sample : family.samples) converted.metric.push_back(convert(family.type, sample));
  }
  return out;
}

}  // namespace deriva
