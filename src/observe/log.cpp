#include <deriva/observe/log.hpp>

#include <ctime>
#include <iterator>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "observe/event_fields.hpp"
#include "observe/json.hpp"
#include "observe/wall_clock.hpp"

namespace deriva {
namespace {

constexpr EventSet worth_reading =
    EventSet::all_but<event::CacheHit, event::CacheMiss, event::CacheInserted, event::CacheEvicted, event::BatchStarted,
                      event::FlightStarted, event::FlightFinished, event::FlightStored, event::FunctionStarted>();

/// "2026-01-31T12:00:00.123456Z"
std::string time_text(std::int64_t unix_nanoseconds) {
  const std::time_t whole = unix_nanoseconds / 1'000'000'000;
  std::tm parts{};
  gmtime_r(&whole, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, unix_nanoseconds / 1'000 % 1'000'000);
}

std::string text_line(std::string_view time, std::uint32_t thread, std::string_view name,
                      const std::vector<detail::Field>& fields) {
  std::string line = fmt::format("{} {} {}", time, thread, name);
  for (const detail::Field& field : fields) {
    fmt::format_to(std::back_inserter(line), " {}=", field.key);
    std::visit([&](const auto& value) { fmt::format_to(std::back_inserter(line), "{}", value); }, field.value);
  }
  return line;
}

std::string json_line(std::string_view time, std::uint32_t thread, std::string_view name,
                      const std::vector<detail::Field>& fields) {
  std::string line = fmt::format(R"({{"time":"{}","thread":{},"event":"{}")", time, thread, name);
  for (const detail::Field& field : fields) {
    fmt::format_to(std::back_inserter(line), R"(,"{}":)", field.key);
    if (const auto* text = std::get_if<std::string>(&field.value)) {
      detail::append_json(line, *text);
    } else {
      std::visit(
          [&](const auto& value) {
            if constexpr (!std::is_same_v<std::decay_t<decltype(value)>, std::string>) {
              fmt::format_to(std::back_inserter(line), "{}", value);
            }
          },
          field.value);
    }
  }
  return line + '}';
}

}  // namespace

struct Log::Impl {
  Write write;
  LogOptions options;
  detail::WallClock clock;
  EventSet wanted;

  void line(event::Time time, std::uint32_t thread, std::string_view name, const std::vector<detail::Field>& fields) {
    const std::string when = time_text(clock.unix_nanoseconds(time));
    write(options.format == LogFormat::text ? text_line(when, thread, name, fields)
                                            : json_line(when, thread, name, fields));
  }
};

Log::Log(Write write, LogOptions options) : impl_(new Impl{std::move(write), std::move(options), {}, EventSet::all()}) {
  if (!impl_->options.filter) {
    impl_->options.filter = [](const Event& event) { return worth_reading.contains(event); };
    impl_->wanted = worth_reading;
  }
}
Log::~Log() = default;

EventSet Log::wanted() const noexcept { return impl_->wanted; }

void Log::on_events(const EventBatch& batch) {
  for (const Event& event : batch.events) {
    if (!impl_->options.filter(event)) continue;
    impl_->line(event.time, event.thread, name_of(event.body), detail::fields_of(event, batch.hub));
  }
  if (batch.dropped > 0) impl_->line(event::Clock::now(), 0, "events_dropped", {{"count", batch.dropped}});
}

}  // namespace deriva
