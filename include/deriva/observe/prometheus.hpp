#pragma once

// For hosts that serve their metrics with prometheus-cpp. Not part of <deriva/deriva.hpp>: a host that includes this
// header links deriva::prometheus.

#include <memory>
#include <utility>
#include <vector>

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <deriva/observe/metrics.hpp>

namespace deriva {

/// Gives the metrics of a hub to an `Exposer` or registry of prometheus-cpp:
/// `exposer.RegisterCollectable(std::make_shared<PrometheusCollectable>(metrics))`.
/// Thread safety: all members, from any thread. Lifetime: not asked any more once the hub is gone.
class PrometheusCollectable final : public prometheus::Collectable {
 public:
  explicit PrometheusCollectable(std::shared_ptr<const Metrics> metrics) : metrics_(std::move(metrics)) {}

  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  std::shared_ptr<const Metrics> metrics_;
};

}  // namespace deriva
