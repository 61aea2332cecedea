#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include <deriva/core/observer.hpp>

namespace deriva {

enum class LogFormat : std::uint8_t {
  text,  ///< "2026-01-31T12:00:00.123456Z 3 function_finished function=resize/1 duration=0.0021 ..."
  json,  ///< One object in each line, with "time", "thread", "event" and the rest.
};

struct LogOptions {
  LogFormat format = LogFormat::text;
  /// Which events are written. By default those that a person would want to read: no look-ups in the cache, no flights.
  std::function<bool(const Event&)> filter = nullptr;
};

/// Writes a line for each event, and one when events were dropped.
class Log final : public Observer {
 public:
  /// Receives a line without its end. What it throws detaches the log.
  using Write = std::function<void(std::string_view line)>;

  explicit Log(Write write, LogOptions options = {});
  ~Log() override;
  [[nodiscard]] EventSet wanted() const noexcept override;
  void on_events(const EventBatch& batch) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deriva
