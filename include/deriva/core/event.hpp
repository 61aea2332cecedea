#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>
#include <variant>

#include <deriva/core/address.hpp>
#include <deriva/core/error.hpp>
#include <deriva/core/trace_context.hpp>

namespace deriva {

/// What happens inside, as plain values without strings. Times are of the steady clock; sizes are bytes. An event that
/// ends something carries when it began, so that one event makes one span.
namespace event {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;

/// A name that the hub has written down: of a function ("name/version") or of a remote procedure.
enum class NameId : std::uint32_t { none = 0 };
/// Number of a request: unique within its hub, from 1. 0: none.
using RequestNumber = std::uint64_t;
/// Number of a flight: one computation in progress, shared by all who want it. Unique within its hub, from 1.
using FlightNumber = std::uint64_t;

/// Why a function ran.
enum class Reason : std::uint8_t {
  never_computed,            ///< No result of this recipe, and of none that differs in one respect only, was stored.
  function_version_changed,  ///< The same inputs and params were computed before by another version.
  input_changed,             ///< The same function and params were computed before with another input.
  evicted,                   ///< It was computed before, and its value is gone.
  forced,                    ///< The request asked for it.
  verifying,                 ///< Its value was there, and is computed again to be compared.
  early_cutoff,              ///< It did not run: the inputs have new addresses and equal values. See `CutOff`.
};
inline constexpr std::size_t reasons = 7;

/// The reason, and what changed.
struct RecomputeReason {
  Reason reason = Reason::never_computed;
  NameId previous_function = NameId::none;  ///< `function_version_changed`: what computed it before.
  std::uint32_t input = 0;                  ///< `input_changed`: which one.
  Address previous;                         ///< The recipe it was compared with; all zeros if there is none.
};

enum class Ending : std::uint8_t { succeeded, failed, cancelled };
enum class Tier : std::uint8_t { memory, store };
enum class Verdict : std::uint8_t {
  equal,
  different,        ///< The two runs gave two values, or the run gave another value than the stored one.
  failed_on_rerun,  ///< One of the two runs failed.
};

struct RequestStarted {
  RequestNumber request;
  Address target;
  TraceContext parent;  ///< Of the caller, if it has one.
};
/// What a request needs is known. Not told of a request that ends before.
struct PlanMade {
  RequestNumber request;
  std::uint64_t nodes;  ///< Recipes that have to be computed.
  std::uint64_t hits;   ///< Values that were there already.
};
struct RequestFinished {
  RequestNumber request;
  Time started;
  Address target;
  std::uint64_t bytes;     ///< Of the value.
  std::uint64_t computed;  ///< Functions that ran for it.
  Ending ending;
  std::uint64_t reused = 0;  ///< Values that were there already.
  std::uint32_t joined = 0;  ///< Flights of other requests that it waited for.
  std::uint32_t failed = 0;  ///< Functions that failed for it.
  std::uint32_t depth = 0;   ///< Recipes on the longest path of what was computed for its value.
  std::optional<Errc> error{};
};

/// A recipe is about to be computed: its inputs are there.
struct FlightStarted {
  FlightNumber flight;
  RequestNumber request;  ///< The one that wanted it first.
  Address address;
};
/// So many flights started, which run together: for those who count, and need not be told of each.
struct BatchStarted {
  std::uint64_t flights;
};
/// A request needs what another one has planned or begun.
struct FlightJoined {
  FlightNumber flight;    ///< It may not have started yet.
  RequestNumber request;  ///< The one that came later.
  Address address;
};
struct FlightFinished {
  FlightNumber flight;
  RequestNumber request;
  Time started;
  Address address;
  Ending ending;
  bool to_store = false;  ///< `FlightStored` will tell what became of its result.
};
/// The result of a flight that has ended was written, in one transaction with others: see `ResultsStored`.
struct FlightStored {
  FlightNumber flight;
  RequestNumber request;
  Time started;
  Address address;
  std::uint64_t bytes;  ///< Of the value.
  Ending ending;
};

/// Once for each execution: a function that is verified has several in one flight.
struct FunctionStarted {
  FlightNumber flight;
  RequestNumber request;
  NameId function;
  Address address;
  RecomputeReason why;
};
struct FunctionFinished {
  FlightNumber flight;
  RequestNumber request;
  Time started;
  Address address;
  std::uint64_t input_bytes;
  std::uint64_t output_bytes;
  NameId function;
  Reason reason;
  Ending ending;
};

/// A function did not run: its recipe took the result of another one, whose inputs had the same values.
struct CutOff {
  FlightNumber flight;
  RequestNumber request;
  Address address;
  Address previous;  ///< That other recipe.
  NameId function;
};

/// A value was looked for, and found. In the store: it was read.
struct CacheHit {
  RequestNumber request;
  Time started;
  Address address;
  std::uint64_t bytes;
  Tier tier;
};
/// A value was looked for, and not found. In the store: it has to be computed.
struct CacheMiss {
  RequestNumber request;
  Time started;
  Address address;
  Tier tier;
};
struct CacheInserted {
  Address address;
  std::uint64_t bytes;           ///< Of memory that the entry takes.
  std::uint64_t replaced_bytes;  ///< Of the entry of this address that it took the place of;
  bool replaced;                 ///< if there was one.
};
/// An entry went to make room.
struct CacheEvicted {
  Address address;
  std::uint64_t bytes;
};
/// Entries went for another reason; with the cache, for instance.
struct CacheRemoved {
  std::uint64_t entries;
  std::uint64_t bytes;
};

struct DagInserted {
  Time started;
  std::uint64_t recipes;  ///< How many were new.
};
struct DagRemoved {
  Time started;
  std::uint64_t recipes;
};

/// Results of one or more requests were written, in one transaction.
struct ResultsStored {
  RequestNumber request;  ///< One that waits for it, if any does.
  Time started;
  std::uint64_t results;
  std::uint64_t bytes;
  Ending ending;
};
/// One write transaction of the environment.
struct Committed {
  Time started;
  std::uint64_t operations;          ///< That shared it.
  std::chrono::nanoseconds flushed;  ///< Of its time: writing the pages and waiting for the disk.
};
struct MapGrown {
  std::uint64_t old_bytes;
  std::uint64_t new_bytes;
};
/// The place of a reader whose process is gone was given to others.
struct ReaderExpired {
  std::uint64_t transaction;  ///< The oldest snapshot that was held until then.
};

/// Executions were compared with each other, or with the stored result.
struct Verified {
  FlightNumber flight;    ///< 0: of none, as in an audit.
  RequestNumber request;  ///< Likewise.
  Address address;
  NameId function;
  Verdict verdict;
};

/// For a host that serves requests of others.
struct RpcStarted {
  std::uint64_t call;
  NameId method;
};
struct RpcFinished {
  std::uint64_t call;
  Time started;
  NameId method;
  NameId status;  ///< "ok", or the name of an error.
};

/// An observer threw, and was detached.
struct ObserverFailed {
  std::uint64_t observer;
};

/// The names of the values as they are written above.
[[nodiscard]] std::string_view to_string(Reason reason) noexcept;
[[nodiscard]] std::string_view to_string(Ending ending) noexcept;
[[nodiscard]] std::string_view to_string(Tier tier) noexcept;
[[nodiscard]] std::string_view to_string(Verdict verdict) noexcept;

}  // namespace event

/// One thing that happened. Trivially copyable.
struct Event {
  using Body =
      std::variant<event::RequestStarted, event::PlanMade, event::RequestFinished, event::FlightStarted,
                   event::BatchStarted, event::FlightJoined, event::FlightFinished, event::FlightStored,
                   event::FunctionStarted, event::FunctionFinished, event::CutOff, event::CacheHit, event::CacheMiss,
                   event::CacheInserted, event::CacheEvicted, event::CacheRemoved, event::DagInserted,
                   event::DagRemoved, event::ResultsStored, event::Committed, event::MapGrown, event::ReaderExpired,
                   event::Verified, event::RpcStarted, event::RpcFinished, event::ObserverFailed>;

  event::Time time;
  std::uint32_t thread = 0;  ///< Number of the thread that emitted it: unique among the live threads of its hub.
  Body body;

  /// The body, if it is of this type; else null.
  template <class T>
  [[nodiscard]] const T* as() const noexcept {
    return std::get_if<T>(&body);
  }
};
static_assert(std::is_trivially_copyable_v<Event>);

/// The context that a function passes on when it calls others: of its compute span, of the first one if it is executed
/// several times. `request` is of the request that
/// started the flight.
[[nodiscard]] TraceContext compute_context(const TraceContext& request, event::FlightNumber flight) noexcept;

/// The name of the body's type as it is written above, in snake case: "function_finished".
[[nodiscard]] std::string_view name_of(const Event::Body& body) noexcept;

}  // namespace deriva
