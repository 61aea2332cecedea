#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include <deriva/core/event.hpp>
#include <deriva/core/event_set.hpp>
#include <deriva/core/observer_hub.hpp>
#include <deriva/core/trace_context.hpp>

namespace deriva {

/// Spans nest: request > materialize > cache_check, compute, store.
///
/// `materialize` is the way to one value: from the first look for it until it is there, or until it is clear that this
/// request will not compute it. It has one `cache_check` for each look, one `compute` for each execution, and one
/// `store`, which usually comes after it: results are written in batches, behind the functions.
enum class SpanKind : std::uint8_t { request, materialize, cache_check, compute, store };
[[nodiscard]] std::string_view to_string(SpanKind kind) noexcept;

/// Something that took time, in a trace.
struct Span {
  SpanKind kind = SpanKind::request;
  TraceContext context;
  TraceContext parent;  ///< Names no span for the first one of a trace.
  event::Time start;
  event::Time end;
  Event event;  ///< That ended it, with all that is known; of a value that was never computed the last look for it.
  event::Ending ending = event::Ending::succeeded;
};

/// Makes spans of events. Remembers the requests and flights that are under way, what was looked up for them, and the
/// flights whose results are not written yet.
/// Thread safety: none. Complexity: constant for each event and for each span.
class SpanBuilder {
 public:
  SpanBuilder();
  SpanBuilder(SpanBuilder&&) noexcept;
  SpanBuilder& operator=(SpanBuilder&&) noexcept;
  ~SpanBuilder();

  /// What spans are made of.
  [[nodiscard]] static EventSet wanted() noexcept;
  /// The spans that are complete with the event, inner ones first. Valid until the next call.
  [[nodiscard]] std::span<const Span> feed(const Event& event, const ObserverHub& hub);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deriva
