#include <deriva/observe/report.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "observe/event_fields.hpp"
#include "observe/file_error.hpp"
#include "observe/report_data.hpp"
#include "observe/report_page.hpp"
#include "observe/tracks.hpp"
#include "observe/wall_clock.hpp"

namespace deriva {

using detail::ReportData;
using detail::seconds;

struct Report::Impl {
  explicit Impl(ReportOptions its_options) : options(std::move(its_options)) {}

  void take(const Event& event, const ObserverHub& hub);
  void ran(const Event& event, const event::FunctionFinished& finished, const ObserverHub& hub);
  void finished(const event::RequestFinished& finished);
  void cached(event::Time time, std::int64_t change);
  double at(event::Time time) const { return seconds(time - begin); }

  const ReportOptions options;
  mutable std::mutex mutex;
  detail::WallClock clock;
  event::Time begin = event::Time::max();
  detail::Tracks tracks;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> track_of;
  std::unordered_map<std::uint32_t, std::uint32_t> function_of;  ///< By name.
  std::int64_t cache_bytes = 0;
  ReportData data;
};

Report::Report(ReportOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Report::~Report() = default;

EventSet Report::wanted() const noexcept {
  return EventSet::of<event::RequestStarted, event::RequestFinished, event::FunctionFinished, event::CutOff,
                      event::CacheHit, event::CacheMiss, event::CacheInserted, event::CacheEvicted, event::CacheRemoved,
                      event::Committed, event::Verified>();
}

void Report::on_events(const EventBatch& batch) {
  const std::lock_guard lock(impl_->mutex);
  impl_->data.dropped += batch.dropped;
  for (const Event& event : batch.events) impl_->take(event, batch.hub);
}

void Report::Impl::take(const Event& event, const ObserverHub& hub) {
  if (begin == event::Time::max()) begin = event.time;
  ++data.events;
  data.seconds = std::max(data.seconds, at(event.time));
  if (const auto* function = event.as<event::FunctionFinished>()) {
    ran(event, *function, hub);
  } else if (event.as<event::CutOff>()) {
    ++data.reasons[static_cast<std::size_t>(event::Reason::early_cutoff)];
  } else if (const auto* request = event.as<event::RequestFinished>()) {
    finished(*request);
  } else if (const auto* hit = event.as<event::CacheHit>()) {
    ++data.tiers[static_cast<std::size_t>(hit->tier)].hits;
  } else if (const auto* miss = event.as<event::CacheMiss>()) {
    ++data.tiers[static_cast<std::size_t>(miss->tier)].misses;
  } else if (const auto* in = event.as<event::CacheInserted>()) {
    cached(event.time, static_cast<std::int64_t>(in->bytes) - static_cast<std::int64_t>(in->replaced_bytes));
  } else if (const auto* out = event.as<event::CacheEvicted>()) {
    cached(event.time, -static_cast<std::int64_t>(out->bytes));
  } else if (const auto* gone = event.as<event::CacheRemoved>()) {
    cached(event.time, -static_cast<std::int64_t>(gone->bytes));
  } else if (const auto* committed = event.as<event::Committed>()) {
    ++data.commits;
    data.flushed += std::chrono::duration<double>(committed->flushed).count();
  } else if (const auto* verified = event.as<event::Verified>()) {
    ++data.verdicts[static_cast<std::size_t>(verified->verdict)];
    if (verified->verdict == event::Verdict::equal || data.violations.size() >= ReportData::violations_kept) return;
    data.violations.push_back({verified->address.to_string(), std::string(hub.name(verified->function)),
                               std::string(to_string(verified->verdict)), at(event.time)});
  }
}

void Report::Impl::ran(const Event& event, const event::FunctionFinished& finished, const ObserverHub& hub) {
  // What ran before the first event began earlier than the report: the report begins with it.
  if (finished.started < begin) {
    data.shift(seconds(begin - finished.started));
    begin = finished.started;
  }
  const auto [function, is_new] = function_of.emplace(static_cast<std::uint32_t>(finished.function),
                                                      static_cast<std::uint32_t>(data.functions.size()));
  if (is_new) data.functions.push_back({std::string(hub.name(finished.function)), 0, {}, 0, 0, 0});
  ReportData::Function& of = data.functions[function->second];
  const double took = seconds(event.time - finished.started);
  of.durations.push_back(took);
  of.total += took;
  of.failed += finished.ending == event::Ending::succeeded ? 0 : 1;
  of.input_bytes += finished.input_bytes;
  of.output_bytes += finished.output_bytes;
  ++data.reasons[static_cast<std::size_t>(finished.reason)];
  data.written.emplace_back(at(event.time), static_cast<double>(finished.output_bytes));
  if (data.runs.size() >= options.timeline_runs) return;

  const detail::Tracks::Place place = tracks.place(event.thread, finished.started, event.time);
  const auto [track, new_track] =
      track_of.emplace(std::pair(event.thread, place.lane), static_cast<std::uint32_t>(data.tracks.size()));
  if (new_track) data.tracks.push_back(detail::Tracks::name(event.thread, place.lane));
  data.runs.push_back({finished.address, at(finished.started), took, track->second, function->second, finished.reason,
                       finished.ending});
}

void Report::Impl::finished(const event::RequestFinished& finished) {
  switch (finished.ending) {
    case event::Ending::succeeded:
      ++(finished.computed == 0 ? data.requests_hit : data.requests_computed);
      break;
    case event::Ending::failed:
      ++data.requests_failed;
      break;
    case event::Ending::cancelled:
      ++data.requests_cancelled;
      break;
  }
}

void Report::Impl::cached(event::Time time, std::int64_t change) {
  cache_bytes += change;
  data.cached.emplace_back(at(time), static_cast<double>(std::max<std::int64_t>(cache_bytes, 0)));
}

std::string Report::html() const {
  const std::lock_guard lock(impl_->mutex);
  const event::Time begin = impl_->begin == event::Time::max() ? event::Clock::now() : impl_->begin;
  return detail::report_page(impl_->options.title, detail::report_json(impl_->data, impl_->options.title,
                                                                       impl_->clock.unix_nanoseconds(begin) / 1'000'000,
                                                                       impl_->options.inputs));
}

Result<void> Report::write(const std::filesystem::path& file) const {
  errno = 0;
  std::ofstream out(file, std::ios::trunc | std::ios::binary);
  if (out) out << html();
  out.close();
  if (!out) return Error(detail::file_errc(errno), "the report cannot be written: " + file.string());
  return {};
}

}  // namespace deriva
