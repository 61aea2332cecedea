#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include <deriva/core/event.hpp>
#include <deriva/core/event_set.hpp>
#include <deriva/core/observer_hub.hpp>
#include <deriva/core/trace_context.hpp>

namespace deriva {

/// Spans nest: request > materialize > compute; request > cache_check; request > store.
enum class SpanKind : std::uint8_t { request, materialize, cache_check, compute, store };
[[nodiscard]] std::string_view to_string(SpanKind kind) noexcept;

/// Something that took time, in a trace.
struct Span {
  SpanKind kind = SpanKind::request;
  TraceContext context;
  TraceContext parent;  ///< Names no span for the first one of a trace.
  event::Time start;
  event::Time end;
  Event event;  ///< That ended it, with all that is known.
  event::Ending ending = event::Ending::succeeded;
};

/// Makes spans of events. Remembers the requests and flights that are under way.
/// Thread safety: none. Complexity: constant for each event.
class SpanBuilder {
 public:
  SpanBuilder();
  SpanBuilder(SpanBuilder&&) noexcept;
  SpanBuilder& operator=(SpanBuilder&&) noexcept;
  ~SpanBuilder();

  /// What spans are made of.
  [[nodiscard]] static EventSet wanted() noexcept;
  /// The span that the event ends, if it ends one.
  [[nodiscard]] std::optional<Span> feed(const Event& event, const ObserverHub& hub);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deriva
