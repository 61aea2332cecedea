#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace deriva {

/// Where a request belongs in a distributed trace: W3C Trace Context, the header `traceparent`.
/// The default names no trace.
struct TraceContext {
  std::array<std::uint8_t, 16> trace_id{};
  std::array<std::uint8_t, 8> span_id{};
  std::uint8_t flags = 0;  ///< Bit 0: the caller records this trace.

  /// Whether it names a trace and a span: neither id is all zeros.
  [[nodiscard]] bool valid() const noexcept;
  [[nodiscard]] bool sampled() const noexcept { return (flags & 1U) != 0; }

  /// The context of a span below this one: the same trace, another span for each number; the same for the same number.
  [[nodiscard]] TraceContext child(std::uint64_t number) const noexcept;

  /// Reads a `traceparent`. Nothing for what the recommendation calls invalid: upper-case digits, version ff, an id of
  /// zeros, and a version 00 that is longer than it should be. A later version may have more fields, which are ignored.
  [[nodiscard]] static std::optional<TraceContext> parse(std::string_view traceparent);
  /// "00-<32 digits>-<16 digits>-<2 digits>".
  [[nodiscard]] std::string to_traceparent() const;

  friend bool operator==(const TraceContext&, const TraceContext&) = default;
};

}  // namespace deriva
