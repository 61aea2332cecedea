#pragma once

#include <cstdint>
#include <span>

#include <deriva/core/event.hpp>
#include <deriva/core/event_set.hpp>

namespace deriva {

class ObserverHub;

/// Events on their way to an observer.
struct EventBatch {
  /// Ascending in time within a batch; of one thread ascending over all batches. What happened because of something
  /// that another thread had told comes after that.
  std::span<const Event> events;
  const ObserverHub& hub;     ///< Knows the names.
  std::uint64_t dropped = 0;  ///< How many were lost since the previous batch, because a ring was full.
};

/// Receives events later, on the one thread of the hub that delivers to all observers.
class Observer {
 public:
  Observer() = default;
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  virtual ~Observer() = default;

  /// Which events it needs, asked once, when it is attached. What nobody needs is not even made; what another observer
  /// needs comes all the same.
  [[nodiscard]] virtual EventSet wanted() const noexcept { return EventSet::all(); }

  /// Calls do not overlap. Whoever takes long delays the other observers, and nobody else; events that meanwhile find
  /// their ring full are dropped and counted. Whoever throws is detached, and `ObserverHub::failures` says so.
  /// Must not call `ObserverHub::flush`.
  virtual void on_events(const EventBatch& batch) = 0;
};

/// Receives each event at once, on the thread that emits it, and so misses none. For counting: it must take some
/// nanoseconds only, must not wait, and is called by several threads at the same time.
class InlineObserver {
 public:
  InlineObserver() = default;
  InlineObserver(const InlineObserver&) = delete;
  InlineObserver& operator=(const InlineObserver&) = delete;
  virtual ~InlineObserver() = default;

  /// Which events it is called for, asked once, when it is attached.
  [[nodiscard]] virtual EventSet wanted() const noexcept { return EventSet::all(); }

  /// At any time at most one call has this `event.thread`, and it sees what the earlier ones wrote.
  virtual void on_event(const Event& event) noexcept = 0;
};

}  // namespace deriva
