#include <deriva/observe/chrome_trace.hpp>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "observe/event_fields.hpp"
#include "observe/file_error.hpp"
#include "observe/json.hpp"
#include "observe/tracks.hpp"

namespace deriva {
namespace {

/// Tracks are numbered so that those of a thread follow each other.
constexpr std::uint64_t lanes_per_thread = 1'000;

}  // namespace

struct ChromeTrace::Impl {
  /// Where a value was computed, for the arrows that begin there.
  struct Origin {
    std::uint64_t track = 0;
    double middle = 0;
  };

  explicit Impl(ChromeTraceOptions its_options) : options(std::move(its_options)) {}

  double microseconds(event::Time time) const { return detail::seconds(time - begin) * 1e6; }
  std::uint64_t track(std::uint32_t thread, event::Time start, event::Time end);
  void add(std::string_view record);
  void slice(const Event& event, event::Time started, std::uint64_t on_track, std::string_view name,
             std::string_view category, const ObserverHub& hub);
  void computed(const Event& event, const event::FunctionFinished& ran, const ObserverHub& hub);
  void arrows(const event::FunctionFinished& ran, std::uint64_t on_track, double start);
  void request(const Event& event, event::RequestNumber number, char phase, const ObserverHub& hub);
  void cached_bytes(event::Time time, std::int64_t change);
  void write(const Event& event, const ObserverHub& hub);

  ChromeTraceOptions options;
  std::ofstream file;
  std::string pending;
  bool open = true;
  const event::Time begin = event::Clock::now();
  detail::Tracks tracks;
  std::unordered_map<Address, Origin> origins;
  std::uint64_t arrow_count = 0;
  std::int64_t cache_bytes = 0;
};

ChromeTrace::ChromeTrace(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
ChromeTrace::~ChromeTrace() { static_cast<void>(close()); }

Result<std::shared_ptr<ChromeTrace>> ChromeTrace::open(const std::filesystem::path& file, ChromeTraceOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  errno = 0;
  impl->file.open(file, std::ios::trunc | std::ios::binary);
  if (!impl->file) return Error(detail::file_errc(errno), "the trace cannot be created: " + file.string());
  impl->file << R"({"displayTimeUnit":"ms","traceEvents":[)"
             << R"({"ph":"M","pid":1,"name":"process_name","args":{"name":"deriva"}})";
  return std::shared_ptr<ChromeTrace>(new ChromeTrace(std::move(impl)));
}

EventSet ChromeTrace::wanted() const noexcept {
  return EventSet::of<event::FunctionFinished, event::RequestStarted, event::RequestFinished, event::ResultsStored,
                      event::Committed, event::CacheInserted, event::CacheEvicted, event::CacheRemoved,
                      event::Verified>();
}

void ChromeTrace::on_events(const EventBatch& batch) {
  if (!impl_->open) return;
  for (const Event& event : batch.events) impl_->write(event, batch.hub);
  errno = 0;
  impl_->file << std::exchange(impl_->pending, {});
  impl_->file.flush();
  if (!impl_->file) throw Exception(Error(detail::file_errc(errno), "the trace cannot be written"));
}

Result<void> ChromeTrace::close() {
  if (!std::exchange(impl_->open, false)) return {};
  errno = 0;
  impl_->file << "]}\n";
  impl_->file.close();
  if (!impl_->file) return Error(detail::file_errc(errno), "the trace cannot be written");
  return {};
}

void ChromeTrace::Impl::add(std::string_view record) {
  pending += ",\n";
  pending += record;
}

/// The number of the track that the slice is drawn on; announced when it is first used.
std::uint64_t ChromeTrace::Impl::track(std::uint32_t thread, event::Time start, event::Time end) {
  const detail::Tracks::Place place = tracks.place(thread, start, end);
  const std::uint64_t number = (std::uint64_t{thread} + 1) * lanes_per_thread + place.lane;
  if (place.is_new) {
    add(fmt::format(R"({{"ph":"M","pid":1,"tid":{},"name":"thread_name","args":{{"name":"{}"}}}})", number,
                    detail::Tracks::name(thread, place.lane)));
  }
  return number;
}

void ChromeTrace::Impl::slice(const Event& event, event::Time started, std::uint64_t on_track, std::string_view name,
                              std::string_view category, const ObserverHub& hub) {
  std::string record = R"({"ph":"X","pid":1,"name":)";
  detail::append_json(record, name);
  fmt::format_to(std::back_inserter(record), R"(,"cat":"{}","tid":{},"ts":{:.3f},"dur":{:.3f},"args":{{)", category,
                 on_track, microseconds(started), detail::seconds(event.time - started) * 1e6);
  bool first = true;
  for (const detail::Field& field : detail::fields_of(event, hub)) {
    if (!std::exchange(first, false)) record += ',';
    fmt::format_to(std::back_inserter(record), R"("{}":)", field.key);
    if (const auto* text = std::get_if<std::string>(&field.value)) {
      detail::append_json(record, *text);
    } else if (const auto* number = std::get_if<std::uint64_t>(&field.value)) {
      fmt::format_to(std::back_inserter(record), "{}", *number);
    } else {
      fmt::format_to(std::back_inserter(record), "{}", std::get<double>(field.value));
    }
  }
  add(record + "}}");
}

void ChromeTrace::Impl::computed(const Event& event, const event::FunctionFinished& ran, const ObserverHub& hub) {
  const std::uint64_t on_track = track(event.thread, ran.started, event.time);
  slice(event, ran.started, on_track, hub.name(ran.function), "compute", hub);
  const double start = microseconds(ran.started);
  arrows(ran, on_track, start);
  origins[ran.address] = {on_track, (start + microseconds(event.time)) / 2};
}

/// From the middle of where each input was computed (an arrow needs a slice at both ends) to the start of this.
void ChromeTrace::Impl::arrows(const event::FunctionFinished& ran, std::uint64_t on_track, double start) {
  if (!options.inputs) return;
  for (const Address& input : options.inputs(ran.address)) {
    const auto origin = origins.find(input);
    if (origin == origins.end()) continue;
    const std::uint64_t id = ++arrow_count;
    add(fmt::format(R"({{"ph":"s","pid":1,"name":"input","cat":"input","id":{},"tid":{},"ts":{:.3f}}})", id,
                    origin->second.track, origin->second.middle));
    add(fmt::format(R"({{"ph":"f","bp":"e","pid":1,"name":"input","cat":"input","id":{},"tid":{},"ts":{:.3f}}})", id,
                    on_track, start));
  }
}

void ChromeTrace::Impl::request(const Event& event, event::RequestNumber number, char phase, const ObserverHub& hub) {
  std::string record =
      fmt::format(R"({{"ph":"{}","pid":1,"tid":0,"cat":"request","name":"request {}","id":{},"ts":{:.3f},"args":{{)",
                  phase, number, number, microseconds(event.time));
  bool first = true;
  for (const detail::Field& field : detail::fields_of(event, hub)) {
    const auto* text = std::get_if<std::string>(&field.value);
    if (text == nullptr) continue;
    if (!std::exchange(first, false)) record += ',';
    fmt::format_to(std::back_inserter(record), R"("{}":)", field.key);
    detail::append_json(record, *text);
  }
  add(record + "}}");
}

void ChromeTrace::Impl::cached_bytes(event::Time time, std::int64_t change) {
  cache_bytes += change;
  add(fmt::format(R"({{"ph":"C","pid":1,"tid":0,"name":"cached bytes","ts":{:.3f},"args":{{"bytes":{}}}}})",
                  microseconds(time), cache_bytes));
}

void ChromeTrace::Impl::write(const Event& event, const ObserverHub& hub) {
  if (const auto* ran = event.as<event::FunctionFinished>()) {
    computed(event, *ran, hub);
  } else if (const auto* began = event.as<event::RequestStarted>()) {
    request(event, began->request, 'b', hub);
  } else if (const auto* ended = event.as<event::RequestFinished>()) {
    request(event, ended->request, 'e', hub);
  } else if (const auto* stored = event.as<event::ResultsStored>()) {
    slice(event, stored->started, track(event.thread, stored->started, event.time), "store", "store", hub);
  } else if (const auto* committed = event.as<event::Committed>()) {
    slice(event, committed->started, track(event.thread, committed->started, event.time), "commit", "store", hub);
  } else if (const auto* in = event.as<event::CacheInserted>()) {
    cached_bytes(event.time, static_cast<std::int64_t>(in->bytes) - static_cast<std::int64_t>(in->replaced_bytes));
  } else if (const auto* out = event.as<event::CacheEvicted>()) {
    cached_bytes(event.time, -static_cast<std::int64_t>(out->bytes));
  } else if (const auto* gone = event.as<event::CacheRemoved>()) {
    cached_bytes(event.time, -static_cast<std::int64_t>(gone->bytes));
  } else if (const auto* verified = event.as<event::Verified>();
             verified && verified->verdict != event::Verdict::equal) {
    add(fmt::format(R"({{"ph":"i","s":"g","pid":1,"tid":0,"name":"not deterministic","ts":{:.3f}}})",
                    microseconds(event.time)));
  }
}

namespace {

/// Null: nowhere.
const char* trace_file() {
  const char* const file = std::getenv("DERIVA_TRACE");
  return file == nullptr || *file == '\0' ? nullptr : file;
}

}  // namespace

Result<void> trace_from_environment(ObserverHub& hub, InputsOf inputs) {
  const char* const file = trace_file();
  if (file == nullptr) return {};
  Result<std::shared_ptr<ChromeTrace>> trace = ChromeTrace::open(file, {.inputs = std::move(inputs)});
  if (!trace) return trace.error();
  hub.attach(*std::move(trace));
  return {};
}

Result<std::shared_ptr<ObserverHub>> observers_from_environment(const Store& store) {
  if (trace_file() == nullptr) return std::shared_ptr<ObserverHub>();
  auto hub = std::make_shared<ObserverHub>();
  if (const Result<void> opened = trace_from_environment(*hub, inputs_from(store)); !opened) return opened.error();
  return hub;
}

}  // namespace deriva
