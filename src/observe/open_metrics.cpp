#include <deriva/observe/open_metrics.hpp>

#include <cmath>
#include <iterator>

#include <fmt/format.h>

namespace deriva {
namespace {

constexpr std::string_view total = "_total";

std::string_view type_name(MetricType type) {
  switch (type) {
    case MetricType::counter:
      return "counter";
    case MetricType::gauge:
      return "gauge";
    case MetricType::histogram:
      return "histogram";
  }
  return "unknown";
}

/// OpenMetrics names the family of a counter without the suffix of its samples.
std::string_view family_name(const MetricFamily& family, MetricsFormat format) {
  std::string_view name = family.name;
  if (format == MetricsFormat::open_metrics && family.type == MetricType::counter && name.ends_with(total)) {
    name.remove_suffix(total.size());
  }
  return name;
}

std::string escaped(std::string_view text, bool quotes) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
  return out;
}

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

/// OpenMetrics wants bounds as floats: "1.0", never "1".
std::string bound(double value) {
  std::string text = number(value);
  if (text.find_first_not_of("0123456789") == std::string::npos) text += ".0";
  return text;
}

std::string label_list(const MetricSample& sample, std::string_view more = {}) {
  std::string out;
  for (const auto& [name, value] : sample.labels) {
    if (!out.empty()) out += ',';
    out += fmt::format("{}=\"{}\"", name, escaped(value, true));
  }
  if (!more.empty()) {
    if (!out.empty()) out += ',';
    out += more;
  }
  return out.empty() ? out : '{' + out + '}';
}

void write_sample(const MetricFamily& family, const MetricSample& sample, std::string& out) {
  const auto line = std::back_inserter(out);
  if (family.type != MetricType::histogram) {
    fmt::format_to(line, "{}{} {}\n", family.name, label_list(sample), number(sample.value));
    return;
  }
  for (const MetricHistogram::Bucket& bucket : sample.histogram.buckets) {
    const std::string le = fmt::format("le=\"{}\"", bound(bucket.upper_bound));
    fmt::format_to(line, "{}_bucket{} {}\n", family.name, label_list(sample, le), bucket.cumulative);
  }
  fmt::format_to(line, "{}_sum{} {}\n", family.name, label_list(sample), number(sample.histogram.sum));
  fmt::format_to(line, "{}_count{} {}\n", family.name, label_list(sample), sample.histogram.count);
}

}  // namespace

std::string_view content_type(MetricsFormat format) noexcept {
  return format == MetricsFormat::open_metrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                               : "text/plain; version=0.0.4; charset=utf-8";
}

MetricsFormat metrics_format(std::string_view accept) noexcept {
  return accept.find("application/openmetrics-text") == std::string_view::npos ? MetricsFormat::prometheus
                                                                               : MetricsFormat::open_metrics;
}

std::string to_text(std::span<const MetricFamily> families, MetricsFormat format) {
  std::string out;
  const auto line = std::back_inserter(out);
  for (const MetricFamily& family : families) {
    const std::string_view name = family_name(family, format);
    const bool open = format == MetricsFormat::open_metrics;
    fmt::format_to(line, "# HELP {} {}\n# TYPE {} {}\n", name, escaped(family.help, open), name,
                   type_name(family.type));
    if (open && !family.unit.empty()) fmt::format_to(line, "# UNIT {} {}\n", name, family.unit);
    for (const MetricSample& sample : family.samples) write_sample(family, sample, out);
  }
  out += "# EOF\n";
  return out;
}

}  // namespace deriva
