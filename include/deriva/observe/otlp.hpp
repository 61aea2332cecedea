#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <deriva/core/observer.hpp>

namespace deriva {

struct OtlpOptions {
  std::string host = "127.0.0.1";  ///< Of a collector that takes OTLP over HTTP, without TLS.
  std::uint16_t port = 4318;
  std::string path = "/v1/traces";
  std::string service_name = "deriva";
  /// Spans in one request, at most.
  std::size_t batch_spans = 512;
  /// Spans that wait while the collector is slow or away; further ones are dropped and counted.
  std::size_t queue_spans = 16'384;
  std::chrono::milliseconds timeout{5'000};  ///< For each request.
};

/// What became of the spans; see `OtlpExporter::stats`.
struct OtlpStats {
  std::uint64_t exported = 0;  ///< Spans that the collector took.
  std::uint64_t refused = 0;   ///< Spans that it did not take, or that never reached it.
  std::uint64_t dropped = 0;   ///< Spans for which there was no room in the queue.
  std::string last_error;      ///< Why spans were refused last; empty if none were.
};

/// Sends spans to an OpenTelemetry collector: OTLP as JSON over HTTP, from a thread of its own. A collector that is
/// slow, away or wrong costs spans, and nothing else. Thread safety: all members, from any thread.
class OtlpExporter final : public Observer {
 public:
  explicit OtlpExporter(OtlpOptions options = {});
  /// Sends what waits, for at most one timeout.
  ~OtlpExporter() override;

  [[nodiscard]] EventSet wanted() const noexcept override;
  void on_events(const EventBatch& batch) override;

  /// Waits until everything that was delivered before is sent or given up. For events that were emitted, flush the hub
  /// first.
  void flush();
  [[nodiscard]] OtlpStats stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deriva
