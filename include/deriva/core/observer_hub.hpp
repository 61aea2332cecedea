#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <deriva/core/event.hpp>
#include <deriva/core/observer.hpp>
#include <deriva/core/trace_context.hpp>

namespace deriva {

struct ObserverHubOptions {
  /// Events that one thread may have waiting for delivery, rounded up to a power of two. More: fewer are dropped when
  /// many happen at once; each takes about 120 bytes, in every thread that emits while an observer is attached.
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

  /// Whether anybody would see an event: asked before making one that is costly to make.
  [[nodiscard]] bool observed() const noexcept { return observed_.load(std::memory_order_relaxed) != 0; }
  template <class Body>
  void emit(const Body& body) noexcept {
    if (observed()) [[unlikely]]
      publish(Event{event::Clock::now(), 0, body});
  }
  /// The same for something that happened at a time that is known.
  template <class Body>
  void emit_at(event::Time time, const Body& body) noexcept {
    if (observed()) [[unlikely]]
      publish(Event{time, 0, body});
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
  void publish(Event event) noexcept;

  std::atomic<std::uint32_t> observed_{0};
  std::unique_ptr<Impl> impl_;
};

}  // namespace deriva
