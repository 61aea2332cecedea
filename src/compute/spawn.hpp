#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>

#include <boost/asio/any_io_executor.hpp>

#include "compute/scheduler.hpp"

namespace deriva::detail {

/// Makes calls of coroutine functions on an I/O executor, which does not run out of work before they are over.
/// Thread safety: any thread. Lifetime: outlives the calls, and whoever runs them.
class Spawner {
 public:
  explicit Spawner(boost::asio::any_io_executor io) : io_(std::move(io)) {}

  /// As `Scheduler::spawn` says. A call begins inside this if this thread runs the I/O executor.
  void spawn(std::shared_ptr<Scheduler::Call> call);

 private:
  class Work;
  class Launch;

  const boost::asio::any_io_executor io_;
  std::mutex mutex_;
  std::size_t under_way_ = 0;
  boost::asio::any_io_executor work_;  ///< Counts as work, while calls are under way: once for all.
};

}  // namespace deriva::detail
