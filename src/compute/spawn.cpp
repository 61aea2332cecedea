#include "compute/spawn.hpp"

#include <exception>
#include <utility>
#include <variant>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/require.hpp>

#include "compute/boundary.hpp"
#include "compute/coroutine_start.hpp"

namespace deriva::detail {
namespace {

namespace asio = boost::asio;

Result<Function::Started> begin(Scheduler::Call& call, const asio::any_io_executor& io) {
  try {
    return call.begin(io);
  } catch (...) {
    return error_of(std::current_exception());
  }
}

}  // namespace

struct Spawner::Work {
  std::shared_ptr<const void> engine;
  FunctionExecutor tracked;
};

std::shared_ptr<const void> Spawner::work(std::shared_ptr<const void> engine) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<const Work> work = work_.lock();
  if (!work) {
    work = std::make_shared<Work>(
        Work{std::move(engine), asio::require(executor_, asio::execution::outstanding_work.tracked)});
    work_ = work;
  }
  return work;
}

void Spawner::spawn(std::shared_ptr<Scheduler::Call> call) {
  asio::dispatch(io_, [this, call = std::move(call)]() mutable {
    Result<Function::Started> started = begin(*call, io_);
    if (!started) return end_call(*call, started.error());
    const auto start = [&]<class T>(asio::awaitable<T>& function) {
      CoroutineStart::start(io_, std::move(call), std::move(function));
    };
    std::visit(start, *started);
  });
}

}  // namespace deriva::detail
