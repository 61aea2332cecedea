#include <deriva/observe/usdt.hpp>

#ifdef DERIVA_USDT
#include <memory>

#include <sys/sdt.h>

#include <deriva/core/observer.hpp>
#endif

namespace deriva {

#ifdef DERIVA_USDT
namespace {

std::int64_t nanoseconds(event::Clock::duration duration) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
}

/// Names are given as pointers to text that lives as long as the hub.
class Probes final : public InlineObserver {
 public:
  explicit Probes(const ObserverHub& hub) : hub_(hub) {}

  [[nodiscard]] EventSet wanted() const noexcept override {
    return EventSet::of<event::FunctionStarted, event::FunctionFinished, event::RequestFinished, event::CacheHit,
                        event::CacheMiss, event::Committed>();
  }

  void on_event(const Event& event) noexcept override {
    if (const auto* started = event.as<event::FunctionStarted>()) {
      DTRACE_PROBE3(deriva, function_started, hub_.name(started->function).data(), started->flight,
                    static_cast<int>(started->why.reason));
    } else if (const auto* ran = event.as<event::FunctionFinished>()) {
      DTRACE_PROBE5(deriva, function_finished, hub_.name(ran->function).data(), ran->flight,
                    nanoseconds(event.time - ran->started), ran->output_bytes, static_cast<int>(ran->ending));
    } else if (const auto* ended = event.as<event::RequestFinished>()) {
      DTRACE_PROBE4(deriva, request_finished, ended->request, nanoseconds(event.time - ended->started), ended->computed,
                    static_cast<int>(ended->ending));
    } else if (const auto* hit = event.as<event::CacheHit>()) {
      DTRACE_PROBE2(deriva, cache_hit, static_cast<int>(hit->tier), hit->bytes);
    } else if (const auto* miss = event.as<event::CacheMiss>()) {
      DTRACE_PROBE1(deriva, cache_miss, static_cast<int>(miss->tier));
    } else if (const auto* committed = event.as<event::Committed>()) {
      DTRACE_PROBE3(deriva, committed, committed->operations, nanoseconds(event.time - committed->started),
                    committed->flushed.count());
    }
  }

 private:
  const ObserverHub& hub_;
};

}  // namespace

Result<void> attach_usdt_probes(ObserverHub& hub) {
  hub.attach_inline(std::make_shared<Probes>(hub));
  return {};
}
#else
Result<void> attach_usdt_probes(ObserverHub&) {
  return Error(Errc::unsupported, "deriva was built without DERIVA_USDT");
}
#endif

}  // namespace deriva
