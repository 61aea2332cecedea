#pragma once

#include <memory>
#include <mutex>
#include <utility>

#include <boost/asio/any_io_executor.hpp>

#include "compute/function_executor.hpp"
#include "compute/scheduler.hpp"

namespace deriva::detail {

/// Makes calls of coroutine functions on an I/O executor.
/// Thread safety: any thread. Lifetime: outlives the calls, and whoever runs them.
class Spawner {
 public:
  explicit Spawner(boost::asio::any_io_executor io) : executor_(FunctionExecutor::on(std::move(io))) {}

  /// As `Scheduler::work` says.
  [[nodiscard]] std::shared_ptr<const void> work(std::shared_ptr<const void> engine);
  /// As `Scheduler::spawn` says. A call begins inside this if this thread runs the I/O executor.
  void spawn(std::shared_ptr<Scheduler::Call> call);

 private:
  struct Work;

  const FunctionExecutor executor_;
  const boost::asio::any_io_executor io_{executor_};
  std::mutex mutex_;
  std::weak_ptr<const Work> work_;  ///< What all calls share that are under way.
};

}  // namespace deriva::detail
