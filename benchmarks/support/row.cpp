#include "support/row.hpp"

#include <array>
#include <cmath>
#include <cstdio>
#include <string_view>

namespace bench {
namespace {

struct Scale {
  double factor;
  const char* name;
};

std::string format(const char* pattern, double value) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), pattern, value);
  return text.data();
}

/// Three significant digits; all digits before the point.
std::string three_digits(double value) {
  const double size = std::fabs(value);
  if (size >= 100 || size == 0) return format("%.0f", value);
  if (size >= 10) return format("%.1f", value);
  return format(size >= 0.1 ? "%.2f" : "%.3g", value);
}

template <std::size_t Count>
std::string scaled(double value, const std::array<Scale, Count>& scales) {
  const Scale* chosen = scales.data();
  for (const Scale& scale : scales) {
    if (std::fabs(value) >= scale.factor) chosen = &scale;
  }
  return three_digits(value / chosen->factor) + chosen->name;
}

std::string_view unit_name(Unit unit) {
  switch (unit) {
    case Unit::nanoseconds:
      return "ns";
    case Unit::per_second:
      return "1/s";
    case Unit::bytes:
      return "B";
    case Unit::factor:
      return "x";
  }
  return "";
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out += '"';
}

std::string number(std::optional<double> value) {
  return value && std::isfinite(*value) ? format("%.6g", *value) : std::string("null");
}

}  // namespace

bool falls_short(const Row& row) noexcept {
  if (!row.goal) return false;
  const bool reached = row.better == Better::lower ? row.value <= *row.goal : row.value >= *row.goal;
  return !reached;  // so is what is not a number
}

std::string short_count(std::size_t count) {
  if (count >= 1'000'000) return std::to_string(count / 1'000'000) + "m";
  return std::to_string(count / 1'000) + "k";
}

std::string to_text(double value, Unit unit) {
  switch (unit) {
    case Unit::nanoseconds:
      return scaled(value, std::array{Scale{1, " ns"}, Scale{1e3, " us"}, Scale{1e6, " ms"}, Scale{1e9, " s"}});
    case Unit::per_second:
      return scaled(value, std::array{Scale{1, " /s"}, Scale{1e3, " K/s"}, Scale{1e6, " M/s"}, Scale{1e9, " G/s"}});
    case Unit::bytes:
      return scaled(value, std::array{Scale{1, " B"}, Scale{1024, " KiB"}, Scale{1024 * 1024, " MiB"}});
    case Unit::factor:
      break;
  }
  return three_digits(value);
}

std::string to_json(const Row& row) {
  std::string out = "{\"id\": " + quoted(row.id) + ", \"value\": " + number(row.value);
  out += ", \"unit\": " + quoted(unit_name(row.unit)) + ", \"goal\": " + number(row.goal);
  out += std::string(", \"better\": ") + (row.better == Better::lower ? "\"lower\"" : "\"higher\"");
  out += ", \"peer\": " + (row.peer.empty() ? std::string("null") : quoted(row.peer));
  out += ", \"peer_value\": " + number(row.peer_value) + ", \"n\": " + std::to_string(row.n) + "}";
  return out;
}

}  // namespace bench
