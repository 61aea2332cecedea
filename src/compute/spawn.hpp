#pragma once

#include <boost/asio/any_io_executor.hpp>

#include "compute/scheduler.hpp"

namespace deriva::detail {

/// Runs a coroutine function on an I/O executor, as `Scheduler::spawn` says.
void spawn_on(const boost::asio::any_io_executor& io, Scheduler::Call call, Scheduler::Done done);

}  // namespace deriva::detail
