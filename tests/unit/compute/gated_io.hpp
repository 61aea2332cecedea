#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace deriva::test {

/// An I/O context that runs when the test polls, and a gate at which coroutines wait until the test opens it: for those
/// that wait there by then.
struct GatedIo {
  void poll() {
    io.restart();
    io.poll();
  }
  void open_gate() {
    gate.cancel();
    poll();
  }
  boost::asio::awaitable<void> pass_gate() {
    boost::system::error_code woken;
    co_await gate.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, woken));
  }

  boost::asio::io_context io{1};
  boost::asio::steady_timer gate{io, boost::asio::steady_timer::time_point::max()};
};

}  // namespace deriva::test
