#include <deriva/core/trace_context.hpp>

#include <algorithm>
#include <span>

namespace deriva {
namespace {

constexpr std::string_view digits = "0123456789abcdef";

/// Reads as many bytes as `out` has; upper-case digits are refused.
bool read_hex(std::string_view text, std::span<std::uint8_t> out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t high = digits.find(text[2 * i]);
    const std::size_t low = digits.find(text[2 * i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return false;
    out[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return true;
}

void write_hex(std::span<const std::uint8_t> bytes, std::string& out) {
  for (const std::uint8_t byte : bytes) {
    out += digits[byte >> 4U];
    out += digits[byte & 15U];
  }
}

bool any_set(std::span<const std::uint8_t> bytes) {
  return std::any_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte != 0; });
}

}  // namespace

bool TraceContext::valid() const noexcept { return any_set(trace_id) && any_set(span_id); }

TraceContext TraceContext::child(std::uint64_t number) const noexcept {
  std::uint64_t mixed = number;
  const auto mix = [&mixed](std::uint8_t byte) {
    mixed = (mixed ^ byte) * 0xff51afd7ed558ccdU;
    mixed ^= mixed >> 32U;
  };
  for (const std::uint8_t byte : trace_id) mix(byte);
  for (const std::uint8_t byte : span_id) mix(byte);
  TraceContext below = *this;
  for (std::uint8_t& byte : below.span_id) {
    byte = static_cast<std::uint8_t>(mixed);
    mixed >>= 8U;
  }
  below.span_id.back() |= 1U;  // Never all zeros.
  return below;
}

std::optional<TraceContext> TraceContext::parse(std::string_view traceparent) {
  constexpr std::size_t length = 55;  // version 2, trace 32, span 16, flags 2, and three dashes
  if (traceparent.size() < length) return std::nullopt;
  if (traceparent[2] != '-' || traceparent[35] != '-' || traceparent[52] != '-') return std::nullopt;
  std::array<std::uint8_t, 1> version{};
  std::array<std::uint8_t, 1> flags{};
  TraceContext context;
  if (!read_hex(traceparent.substr(0, 2), version) || !read_hex(traceparent.substr(3, 32), context.trace_id) ||
      !read_hex(traceparent.substr(36, 16), context.span_id) || !read_hex(traceparent.substr(53, 2), flags)) {
    return std::nullopt;
  }
  if (version[0] == 0xff || (version[0] == 0 && traceparent.size() != length)) return std::nullopt;
  if (traceparent.size() > length && traceparent[length] != '-') return std::nullopt;
  context.flags = flags[0];
  if (!context.valid()) return std::nullopt;
  return context;
}

std::string TraceContext::to_traceparent() const {
  std::string text = "00-";
  write_hex(trace_id, text);
  text += '-';
  write_hex(span_id, text);
  text += '-';
  write_hex({&flags, 1}, text);
  return text;
}

}  // namespace deriva
