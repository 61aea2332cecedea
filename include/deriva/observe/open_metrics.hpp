#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <deriva/observe/metric_family.hpp>

namespace deriva {

enum class MetricsFormat : std::uint8_t {
  open_metrics,  ///< OpenMetrics 1.0: "application/openmetrics-text; version=1.0.0; charset=utf-8".
  prometheus,    ///< Prometheus' own text format: "text/plain; version=0.0.4; charset=utf-8".
};

/// The value of the header `Content-Type` of the format.
[[nodiscard]] std::string_view content_type(MetricsFormat format) noexcept;
/// The format that a header `Accept` asks for: OpenMetrics if it is named.
[[nodiscard]] MetricsFormat metrics_format(std::string_view accept) noexcept;

/// Families as text: HELP, TYPE and (OpenMetrics) UNIT of each, its samples, and at the end "# EOF".
[[nodiscard]] std::string to_text(std::span<const MetricFamily> families,
                                  MetricsFormat format = MetricsFormat::open_metrics);

}  // namespace deriva
