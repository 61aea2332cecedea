#include <deriva/observe/otlp.hpp>

#include <algorithm>
#include <condition_variable>
#include <iterator>
#include <mutex>
#include <span>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <deriva/observe/span.hpp>

#include "observe/event_fields.hpp"
#include "observe/http_post.hpp"
#include "observe/json.hpp"
#include "observe/wall_clock.hpp"

namespace deriva {
namespace {

std::string hex(std::span<const std::uint8_t> bytes) {
  std::string out;
  for (const std::uint8_t byte : bytes) fmt::format_to(std::back_inserter(out), "{:02x}", byte);
  return out;
}

void append_attribute(std::string& out, const detail::Field& field) {
  out += R"({"key":)";
  detail::append_json(out, fmt::format("deriva.{}", field.key));
  if (const auto* text = std::get_if<std::string>(&field.value)) {
    out += R"(,"value":{"stringValue":)";
    detail::append_json(out, *text);
    out += "}}";
  } else if (const auto* number = std::get_if<std::uint64_t>(&field.value)) {
    fmt::format_to(std::back_inserter(out), R"(,"value":{{"intValue":"{}"}}}})", *number);
  } else {
    fmt::format_to(std::back_inserter(out), R"(,"value":{{"doubleValue":{}}}}})", std::get<double>(field.value));
  }
}

/// One span as OTLP's JSON has it: ids in hexadecimal, 64-bit numbers as strings.
std::string span_json(const Span& span, const detail::WallClock& clock, const ObserverHub& hub) {
  constexpr int internal = 1;
  constexpr int ok = 1;
  constexpr int error = 2;
  std::string out =
      fmt::format(R"({{"traceId":"{}","spanId":"{}",)", hex(span.context.trace_id), hex(span.context.span_id));
  if (span.parent.valid()) fmt::format_to(std::back_inserter(out), R"("parentSpanId":"{}",)", hex(span.parent.span_id));
  fmt::format_to(std::back_inserter(out),
                 R"("name":"{}","kind":{},"startTimeUnixNano":"{}","endTimeUnixNano":"{}","attributes":[)",
                 to_string(span.kind), internal, clock.unix_nanoseconds(span.start), clock.unix_nanoseconds(span.end));
  bool first = true;
  for (const detail::Field& field : detail::fields_of(span.event, hub)) {
    if (!std::exchange(first, false)) out += ',';
    append_attribute(out, field);
  }
  const int status = span.ending == event::Ending::succeeded ? ok : error;
  fmt::format_to(std::back_inserter(out), R"(],"status":{{"code":{}}}}})", status);
  return out;
}

std::string request_json(std::string_view service_name, std::span<const std::string> spans) {
  std::string out = R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":)";
  detail::append_json(out, service_name);
  out += R"(}}]},"scopeSpans":[{"scope":{"name":"deriva"},"spans":[)";
  for (std::size_t i = 0; i < spans.size(); ++i) {
    if (i > 0) out += ',';
    out += spans[i];
  }
  return out + "]}]}]}";
}

}  // namespace

struct OtlpExporter::Impl {
  explicit Impl(OtlpOptions its_options)
      : options(std::move(its_options)), target{options.host, options.port, options.path, options.timeout} {}

  void run();
  std::size_t send(std::span<const std::string> spans, std::string& problem) const;

  const OtlpOptions options;
  const detail::HttpTarget target;
  const detail::WallClock clock;
  SpanBuilder builder;  ///< The delivery thread's.

  mutable std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> queue;
  OtlpStats stats;
  bool sending = false;
  bool stopping = false;
  std::thread worker;
};

OtlpExporter::OtlpExporter(OtlpOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {
  impl_->worker = std::thread([this] { impl_->run(); });
}

OtlpExporter::~OtlpExporter() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->changed.notify_all();
  impl_->worker.join();
}

EventSet OtlpExporter::wanted() const noexcept { return SpanBuilder::wanted(); }

void OtlpExporter::on_events(const EventBatch& batch) {
  std::vector<std::string> spans;
  for (const Event& event : batch.events) {
    for (const Span& span : impl_->builder.feed(event, batch.hub)) {
      spans.push_back(span_json(span, impl_->clock, batch.hub));
    }
  }
  const std::lock_guard lock(impl_->mutex);
  for (std::string& span : spans) {
    if (impl_->queue.size() >= impl_->options.queue_spans) {
      ++impl_->stats.dropped;
    } else {
      impl_->queue.push_back(std::move(span));
    }
  }
  impl_->changed.notify_all();
}

void OtlpExporter::Impl::run() {
  std::unique_lock lock(mutex);
  while (true) {
    changed.wait(lock, [this] { return stopping || !queue.empty(); });
    if (queue.empty()) return;
    const bool last = stopping;
    const std::vector<std::string> spans = std::exchange(queue, {});
    sending = true;
    lock.unlock();
    std::string problem;
    const std::size_t exported = send(spans, problem);
    lock.lock();
    sending = false;
    stats.exported += exported;
    stats.refused += spans.size() - exported;
    if (!problem.empty()) stats.last_error = std::move(problem);
    changed.notify_all();
    if (last) return;
  }
}

/// In batches, until one fails; how many spans were taken.
std::size_t OtlpExporter::Impl::send(std::span<const std::string> spans, std::string& problem) const {
  std::size_t exported = 0;
  while (exported < spans.size()) {
    const auto batch = spans.subspan(exported).first(std::min(options.batch_spans, spans.size() - exported));
    problem = detail::http_post_json(target, request_json(options.service_name, batch));
    if (!problem.empty()) break;
    exported += batch.size();
  }
  return exported;
}

void OtlpExporter::flush() {
  std::unique_lock lock(impl_->mutex);
  impl_->changed.wait(lock, [this] { return impl_->queue.empty() && !impl_->sending; });
}

OtlpStats OtlpExporter::stats() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->stats;
}

}  // namespace deriva
