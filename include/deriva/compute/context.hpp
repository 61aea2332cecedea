#pragma once

#include <stop_token>
#include <utility>

#include <boost/asio/any_io_executor.hpp>

#include <deriva/core/address.hpp>
#include <deriva/core/trace_context.hpp>

namespace deriva {

/// What a coroutine function knows of its execution. Lives until the coroutine ends.
/// Thread safety: all members, from any thread.
class Context {
 public:
  Context(boost::asio::any_io_executor io, const Address& address, std::stop_token stop,
          const TraceContext& trace = {}) noexcept
      : io_(std::move(io)), address_(address), stop_(std::move(stop)), trace_(trace) {}

  /// The I/O executor that the coroutine runs on: for timers, sockets and further coroutines.
  [[nodiscard]] const boost::asio::any_io_executor& get_executor() const noexcept { return io_; }
  /// Says when nobody waits for the value any more. A function may then end early with any error.
  [[nodiscard]] const std::stop_token& stop_token() const noexcept { return stop_; }
  /// The recipe that is being computed.
  [[nodiscard]] const Address& address() const noexcept { return address_; }
  /// What it passes on to those whom it calls, as `to_traceparent` writes it. Names no trace if neither an observer is
  /// attached nor the request has one.
  [[nodiscard]] const TraceContext& trace() const noexcept { return trace_; }

 private:
  boost::asio::any_io_executor io_;
  Address address_;
  std::stop_token stop_;
  TraceContext trace_;
};

}  // namespace deriva
