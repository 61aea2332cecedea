#pragma once

#include <exception>
#include <memory>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/version.hpp>

#include "compute/boundary.hpp"
#include "compute/scheduler.hpp"

// Asio's thread of coroutines is used as it is from Boost 1.81 to 1.89; where this is not defined, `co_spawn` is.
#if BOOST_VERSION >= 108100 && BOOST_VERSION < 109000
#define DERIVA_KNOWS_AWAITABLE_THREAD
#endif

namespace deriva::detail {

inline void end_call(Scheduler::Call& call, Result<Blob> result) {
  const FunctionScope outside(false);
  call.end(std::move(result));
}

/// Awaits what a coroutine function gave its caller, and ends the call, to which the function's own coroutine refers.
/// Of what is kept here there is one for each function that is suspended: temporaries are in functions of their own.
class CoroutineBody {
 public:
  template <class Coroutine, class T>
  static Coroutine run(std::shared_ptr<Scheduler::Call> call, boost::asio::awaitable<T> function) {
    bool is_over = false;
    try {
      end(*call, is_over, co_await std::move(function));
    } catch (...) {
      if (is_over) throw;
      fail(*call);
    }
  }

 private:
  template <class T>
  static void end(Scheduler::Call& call, bool& is_over, T&& value) {
    is_over = true;
    end_call(call, std::forward<T>(value));
  }
  static void fail(Scheduler::Call& call) { end_call(call, error_of(std::current_exception())); }
};

/// Runs a coroutine function on an executor, from the calling thread on if that runs the executor; with nothing of Asio
/// but what it offers.
struct CoSpawnStart {
  template <class T>
  static void start(const boost::asio::any_io_executor& io, std::shared_ptr<Scheduler::Call> call,
                    boost::asio::awaitable<T> function) {
    auto body = CoroutineBody::run<boost::asio::awaitable<void>>(std::move(call), std::move(function));
    boost::asio::co_spawn(io, std::move(body), [](const std::exception_ptr& thrown) {
      if (thrown) std::rethrow_exception(thrown);
    });
  }
};

#ifdef DERIVA_KNOWS_AWAITABLE_THREAD
/// The same on less memory: `co_spawn` keeps several executors for each coroutine and a frame of its own. Nothing
/// public lets another coroutine await an `awaitable`, or begins one.
struct ThreadStart {
  template <class T>
  static void start(const boost::asio::any_io_executor& io, std::shared_ptr<Scheduler::Call> call,
                    boost::asio::awaitable<T> function) {
    using EntryPoint = boost::asio::awaitable<boost::asio::detail::awaitable_thread_entry_point>;
    using Thread = boost::asio::detail::awaitable_thread<boost::asio::any_io_executor>;
    Thread(CoroutineBody::run<EntryPoint>(std::move(call), std::move(function)), io, {}, {}).launch();
  }
};
using CoroutineStart = ThreadStart;
#else
using CoroutineStart = CoSpawnStart;
#endif

}  // namespace deriva::detail
