#include "compute/scheduler.hpp"

#include <mutex>
#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include <deriva/compute/context.hpp>

#include "compute/boundary.hpp"

namespace deriva::detail {
namespace {

namespace asio = boost::asio;

/// Owns what the function's coroutine refers to.
asio::awaitable<Result<Blob>> run_coroutine(asio::any_io_executor io, Scheduler::Call call) {
  Context context(std::move(io), call.address, std::move(call.stop), call.trace);
  std::exception_ptr thrown;
  try {
    co_return co_await call.function.call(std::move(call.inputs), std::move(call.params), context);
  } catch (...) {
    thrown = std::current_exception();
  }
  co_return error_of(thrown);
}

void spawn_on(const asio::any_io_executor& io, Scheduler::Call call, Scheduler::Done done) {
  auto coroutine = run_coroutine(io, std::move(call));
  // What the coroutine itself throws is an allocation that failed; a function's exceptions are caught inside.
  auto handler = [done = std::move(done)](const std::exception_ptr& thrown, Result<Blob> result) {
    done(thrown ? Result<Blob>(error_of(thrown)) : std::move(result));
  };
  asio::co_spawn(io, std::move(coroutine), std::move(handler));
}

class AsioScheduler final : public Scheduler {
 public:
  AsioScheduler(asio::any_io_executor io, std::size_t blocking_tasks)
      : io_(std::move(io)), blocking_tasks_(blocking_tasks) {}
  void post(std::function<void()> task) override { asio::post(io_, std::move(task)); }
  void spawn(Call call, Done done) override { spawn_on(io_, std::move(call), std::move(done)); }
  void arm(std::chrono::steady_clock::time_point when, std::function<void()> task) override {
    if (!timer_) timer_.emplace(io_);
    timer_->expires_at(when);
    timer_->async_wait([task = std::move(task)](const boost::system::error_code& cancelled) {
      if (!cancelled) task();
    });
  }
  void disarm() override { timer_.reset(); }
  void post_blocking(std::function<void()> task) override {
    std::call_once(first_blocking_, [this] { threads_.emplace(blocking_tasks_); });
    asio::post(*threads_, std::move(task));
  }
  void join_blocking() override {
    if (threads_) threads_->join();
  }

 private:
  asio::any_io_executor io_;
  const std::size_t blocking_tasks_;
  std::optional<asio::steady_timer> timer_;
  std::once_flag first_blocking_;
  std::optional<asio::thread_pool> threads_;  ///< Of blocking tasks, made with the first.
};

class InlineScheduler final : public Scheduler {
 public:
  void post(std::function<void()>) override {}
  void arm(std::chrono::steady_clock::time_point, std::function<void()>) override {}
  void disarm() override {}
  void post_blocking(std::function<void()> task) override { task(); }
  void join_blocking() override {}
  void spawn(Call call, Done done) override {
    asio::io_context context(1);
    spawn_on(context.get_executor(), std::move(call), std::move(done));
    context.run();
  }
};

}  // namespace

std::unique_ptr<Scheduler> make_asio_scheduler(boost::asio::any_io_executor io, std::size_t blocking_tasks) {
  return std::make_unique<AsioScheduler>(std::move(io), blocking_tasks);
}

std::unique_ptr<Scheduler> make_inline_scheduler() { return std::make_unique<InlineScheduler>(); }

}  // namespace deriva::detail
