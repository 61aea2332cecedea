#pragma once

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include <deriva/core/event.hpp>
#include <deriva/core/event_set.hpp>
#include <deriva/core/observer.hpp>
#include <deriva/core/trace_context.hpp>

namespace deriva {

namespace detail {
class EventRing;
}

struct ObserverHubOptions {
  /// Events that one thread may have waiting for delivery, rounded up to a power of two. More: fewer are dropped when
  /// many happen at once; each takes 128 bytes, in every thread that emits while an observer is attached.
  std::size_t ring_events = 8'192;
};

/// Names an attached observer. Never reused within a hub.
enum class ObserverId : std::uint64_t {};

/// Facts about a hub; see `ObserverHub::stats`.
struct ObserverHubStats {
  std::uint64_t delivered = 0;  ///< Events given to observers, however many there were.
  std::uint64_t dropped = 0;    ///< Events lost because their thread's ring was full.
  std::size_t observers = 0;    ///< Attached now, inline ones included.
  std::size_t threads = 0;      ///< Threads that have emitted and are alive.
};

/// An observer that threw.
struct ObserverFailure {
  ObserverId observer;
  std::string what;
};

/// Where events of one store or executor go. Nobody attached: emitting is a relaxed load and a predicted branch.
///
/// Each thread that emits has a bounded ring of its own; one thread of the hub, which exists only while an observer is
/// attached, empties the rings. Emitting never waits and takes no lock, except the first time in a thread.
///
/// Thread safety: all members, from any thread. Lifetime: outlives whoever emits.
class ObserverHub {
 public:
  explicit ObserverHub(ObserverHubOptions options = {});
  ObserverHub(const ObserverHub&) = delete;
  ObserverHub& operator=(const ObserverHub&) = delete;
  /// Delivers what was emitted, then lets go of the observers.
  ~ObserverHub();

  /// The observer gets what is emitted from now on.
  ObserverId attach(std::shared_ptr<Observer> observer);
  /// The same at once, on the emitting thread. What is already being emitted may still reach it after it was detached;
  /// the hub therefore keeps it until the hub is destroyed.
  ObserverId attach_inline(std::shared_ptr<InlineObserver> observer);
  /// Delivers what was emitted before, then detaches; afterwards the observer is not called any more. From inside
  /// `on_events` it detaches at once. False: no such observer is attached.
  bool detach(ObserverId observer);

  /// Whether anybody wants events: asked before doing what only observers need.
  [[nodiscard]] bool observed() const noexcept { return wanted_.load(std::memory_order_relaxed) != 0; }
  /// Whether anybody would see such an event.
  template <class Body>
  [[nodiscard]] bool wants() const noexcept {
    constexpr std::uint64_t bits = EventSet::of<Body>().bits();
    return (wanted_.load(std::memory_order_relaxed) & (bits << inline_shift | bits)) != 0;
  }
  /// Tells those who want it: a body, or a function that makes one. The function is called only if somebody wants what
  /// it makes, and makes it in the place where it stays; it must not throw, nor emit.
  template <class What>
  void emit(const What& what) noexcept {
    if (wants<BodyOf<What>>()) [[unlikely]]
      publish(event::Clock::now(), what);
  }
  /// The same for something that happened at a time that is known. What is in the future is not delivered before.
  template <class What>
  void emit_at(event::Time time, const What& what) noexcept {
    if (wants<BodyOf<What>>()) [[unlikely]]
      publish(time, what);
  }

  /// Waits until everything that was emitted before is delivered. From inside `on_events` it does nothing.
  void flush();

  /// Writes a name down, and gives the same id for the same name.
  [[nodiscard]] event::NameId name_id(std::string_view name);
  /// The name; empty for `NameId::none`. Valid as long as the hub.
  [[nodiscard]] std::string_view name(event::NameId id) const;

  /// What the numbers of requests and flights of one more host begin above: each has 2^40 of its own.
  [[nodiscard]] std::uint64_t take_numbers() noexcept;

  /// The trace of a request: its caller's, or a new one that the number stands for; always valid.
  [[nodiscard]] TraceContext context_of(event::RequestNumber request, const TraceContext& parent = {}) const noexcept;

  [[nodiscard]] ObserverHubStats stats() const;
  /// The observers that threw, the last 16 of them.
  [[nodiscard]] std::vector<ObserverFailure> failures() const;

 private:
  struct Impl;
  static constexpr unsigned inline_shift = 32;

  template <class What>
  struct Made {
    using Body = What;
  };
  template <std::invocable What>
  struct Made<What> {
    using Body = std::invoke_result_t<const What&>;
  };
  template <class What>
  using BodyOf = typename Made<What>::Body;

  /// Becomes a body where one is constructed: nothing is copied. What was just written in small pieces is slow to copy
  /// in large ones, [observe.metrics.overhead].
  template <std::invocable What>
  struct InPlace {
    const What& make;
    // NOLINTNEXTLINE(google-explicit-constructor): what it is for
    operator BodyOf<What>() const noexcept { return make(); }
  };

  /// Where an event is made.
  struct Slot {
    Event* event = nullptr;  ///< Null: there is no room for it.
    detail::EventRing* ring = nullptr;
    std::uint32_t thread = 0;
    bool waits = false;  ///< In the ring, for delivery.
  };
  Slot begin(std::uint32_t kind) noexcept;
  void finish(const Slot& slot) noexcept;

  template <class What>
  void publish(event::Time time, const What& what) noexcept {
    using Body = BodyOf<What>;
    const Slot slot = begin(EventSet::of<Body>().bits());
    if (slot.event == nullptr) return;
    if constexpr (std::invocable<const What&>) {
      ::new (slot.event) Event{time, slot.thread, Event::Body(std::in_place_type<Body>, InPlace<What>{what})};
    } else {
      ::new (slot.event) Event{time, slot.thread, what};
    }
    finish(slot);
  }

  /// What observers want: in the lower half those that get batches, in the upper half those that are called at once.
  std::atomic<std::uint64_t> wanted_{0};
  std::unique_ptr<Impl> impl_;
};

}  // namespace deriva
