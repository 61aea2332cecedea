#include <deriva/core/event.hpp>

#include <array>

namespace deriva {
namespace event {

std::string_view to_string(Reason reason) noexcept {
  switch (reason) {
    case Reason::never_computed:
      return "never_computed";
    case Reason::function_version_changed:
      return "function_version_changed";
    case Reason::input_changed:
      return "input_changed";
    case Reason::evicted:
      return "evicted";
    case Reason::forced:
      return "forced";
    case Reason::verifying:
      return "verifying";
    case Reason::early_cutoff:
      return "early_cutoff";
  }
  return "unknown";
}

std::string_view to_string(Ending ending) noexcept {
  switch (ending) {
    case Ending::succeeded:
      return "succeeded";
    case Ending::failed:
      return "failed";
    case Ending::cancelled:
      return "cancelled";
  }
  return "unknown";
}

std::string_view to_string(Tier tier) noexcept { return tier == Tier::memory ? "memory" : "store"; }

std::string_view to_string(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::equal:
      return "equal";
    case Verdict::different:
      return "different";
    case Verdict::failed_on_rerun:
      return "failed_on_rerun";
  }
  return "unknown";
}

}  // namespace event

TraceContext compute_context(const TraceContext& request, event::FlightNumber flight) noexcept {
  constexpr std::uint64_t compute_span = 1;
  return request.child(flight).child(compute_span);
}

std::string_view name_of(const Event::Body& body) noexcept {
  static constexpr std::array<std::string_view, std::variant_size_v<Event::Body>> names = {
      "request_started", "plan_made",      "request_finished", "flight_started",    "batch_started", "flight_joined",
      "flight_finished", "flight_stored",  "function_started", "function_finished", "cut_off",       "cache_hit",
      "cache_miss",      "cache_inserted", "cache_evicted",    "cache_removed",     "dag_inserted",  "dag_removed",
      "results_stored",  "committed",      "map_grown",        "reader_expired",    "verified",      "rpc_started",
      "rpc_finished",    "observer_failed"};
  return names[body.index()];
}

}  // namespace deriva
