#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <deriva/core/address.hpp>
#include <deriva/core/blob.hpp>
#include <deriva/core/error.hpp>
#include <deriva/core/trace_context.hpp>

namespace deriva {

namespace detail {

class ExecutionProgress;
class FunctionHost;

/// What a context tells. What it points to is kept by whoever runs the function.
struct ContextState {
  const boost::asio::any_io_executor* io = nullptr;  ///< Null: none.
  const Address* address = nullptr;
  std::stop_token stop{};
  std::optional<std::chrono::steady_clock::time_point> deadline{};
  TraceContext trace{};
  FunctionHost* host = nullptr;           ///< Null: there is nobody to `materialize` for the function,
  ExecutionProgress* progress = nullptr;  ///< or to tell how far it is.
};

}  // namespace detail

/// What a function knows of its execution. Lives until the function ends.
/// Thread safety: all members, from any thread.
class Context {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// For who calls a function without an executor: there is nobody to `materialize` for it.
  Context(boost::asio::any_io_executor io, const Address& address, std::stop_token stop,
          std::optional<TimePoint> deadline = std::nullopt, const TraceContext& trace = {});
  /// What executors pass; `state` outlives it.
  explicit Context(const detail::ContextState& state) noexcept;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context();

  /// What a coroutine function runs on: for timers, sockets and further coroutines. It runs things as the I/O executor
  /// does, on the same execution context, and counts them as the function's: they must not block in `materialize`. It
  /// is no copy of the I/O executor, and may be kept for as long as that. Of a plain function: empty.
  [[nodiscard]] const boost::asio::any_io_executor& get_executor() const noexcept;
  /// Says when nobody waits for the value any more, or the function's own time is over. The function may then end
  /// early with any error.
  [[nodiscard]] const std::stop_token& stop_token() const noexcept { return state_->stop; }
  /// The recipe that is being computed.
  [[nodiscard]] const Address& address() const noexcept { return *state_->address; }
  /// When the function's own time (`FunctionOptions::timeout`) or that of the request that brought its recipe in is
  /// over, whichever is first. Others may wait for longer: a hint to plan by; `stop_token` says when to give up.
  [[nodiscard]] const std::optional<TimePoint>& deadline() const noexcept { return state_->deadline; }

  /// Gets the value of any other address, computed if need be: an input that shows only while the function runs. For
  /// coroutine functions, which give their places (of `coroutine_concurrency` and their resource) back while they wait
  /// and go on when they have one again; one that waits for several at once, when it has waited for the last. It is
  /// recorded with the result: `Store::discovered_inputs`.
  ///
  /// What a function gets in this way has to follow from its inputs and params; an address names one value for ever, so
  /// that its result still does.
  /// Cancellation: as `Executor::async_materialize`; also when the function is asked to stop.
  /// Errors: of whatever fails below; `cycle` with the path if the address depends on this recipe, over inputs or over
  /// functions that wait in the same way; `cancelled`; `invalid_argument` without a host. A function that returns one
  /// of these errors, or throws it as an `Exception`, fails with that error instead of a `function_failed` of its own.
  [[nodiscard]] boost::asio::awaitable<Result<Blob>> materialize(Address address);

  /// Says how much of its work the function has done, in [0, 1], for `MaterializeOptions::progress` of the request that
  /// runs it, which may be called before this returns. What is more than 1 counts as 1; what is less than was said
  /// before, or is not a number, changes nothing. When it is verified, each execution says its own part of the whole.
  /// Nobody learns what a function says that nobody waits for any more.
  /// Complexity: some nanoseconds if the host does not ask, or less than 1/65,536 was done since the last call; else
  /// the clock is read.
  /// Requires: called by the function, before it ends.
  void progress(double fraction) noexcept;
  /// The same for `done` of `total` units. 0 of them changes nothing.
  void progress(std::uint64_t done, std::uint64_t total) noexcept;

  /// What it passes on to those whom it calls, as `to_traceparent` writes it. Names no trace if neither an observer is
  /// attached nor the request has one.
  [[nodiscard]] const TraceContext& trace() const noexcept { return state_->trace; }

 private:
  struct Own;

  std::unique_ptr<const Own> own_;  ///< Without an executor.
  const detail::ContextState* state_;
};

}  // namespace deriva
