#pragma once

#include <memory>
#include <utility>

#include <boost/asio/any_io_executor.hpp>

#include "compute/function_executor.hpp"
#include "compute/scheduler.hpp"

namespace deriva::detail {

/// Makes calls of coroutine functions on an I/O executor, which does not run out of work before they are over.
/// Thread safety: any thread. Lifetime: outlives the calls, and whoever runs them.
class Spawner {
 public:
  explicit Spawner(boost::asio::any_io_executor io) : executor_(FunctionExecutor::on(std::move(io))) {}

  /// As `Scheduler::spawn` says. A call begins inside this if this thread runs the I/O executor.
  void spawn(std::shared_ptr<Scheduler::Call> call);

 private:
  const FunctionExecutor executor_;
  const boost::asio::any_io_executor io_{executor_};
};

}  // namespace deriva::detail
