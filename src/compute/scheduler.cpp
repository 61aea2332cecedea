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
#include "compute/spawn.hpp"

namespace deriva::detail {
namespace {

namespace asio = boost::asio;

/// Owns what the function's coroutine refers to.
asio::awaitable<Result<Blob>> run_coroutine(asio::any_io_executor io, Scheduler::Call call) {
  if (call.stop.stop_requested()) co_return Error(Errc::cancelled, "it was asked to stop before it began");
  Context context(std::move(io), call.address, std::move(call.stop), call.deadline, std::move(call.host), call.trace,
                  std::move(call.progress));
  std::exception_ptr thrown;
  try {
    co_return co_await call.function.call(std::move(call.inputs), std::move(call.params), context);
  } catch (...) {
    thrown = std::current_exception();
  }
  co_return error_of(thrown);
}

/// A timer that runs the task of its last `arm`.
class OneTimer {
 public:
  void arm(const asio::any_io_executor& io, std::chrono::steady_clock::time_point when, std::function<void()> task) {
    if (!timer_) timer_.emplace(io);
    timer_->expires_at(when);
    timer_->async_wait([task = std::move(task)](const boost::system::error_code& cancelled) {
      if (!cancelled) task();
    });
  }
  void disarm() { timer_.reset(); }

 private:
  std::optional<asio::steady_timer> timer_;
};

class AsioScheduler final : public Scheduler {
 public:
  AsioScheduler(asio::any_io_executor io, std::size_t blocking_tasks)
      : io_(std::move(io)), blocking_tasks_(blocking_tasks) {}
  void post(std::function<void()> task) override { asio::post(io_, std::move(task)); }
  void spawn(Call call, Done done) override { spawn_on(io_, std::move(call), std::move(done)); }
  void arm(std::chrono::steady_clock::time_point when, std::function<void()> task) override {
    timer_.arm(io_, when, std::move(task));
  }
  void disarm() override { timer_.disarm(); }
  void post_blocking(std::function<void()> task) override {
    std::call_once(first_blocking_, [this] { threads_.emplace(blocking_tasks_); });
    asio::post(*threads_, std::move(task));
  }
  void join() override {
    if (threads_) threads_->join();
  }

 private:
  asio::any_io_executor io_;
  const std::size_t blocking_tasks_;
  OneTimer timer_;
  std::once_flag first_blocking_;
  std::optional<asio::thread_pool> threads_;  ///< Of blocking tasks, made with the first.
};

class InlineScheduler final : public Scheduler {
 public:
  void post(std::function<void()>) override {}
  void arm(std::chrono::steady_clock::time_point when, std::function<void()> task) override {
    timer_.arm(context_->get_executor(), when, std::move(task));
  }
  void disarm() override { timer_.disarm(); }
  void post_blocking(std::function<void()> task) override { task(); }
  void spawn(Call call, Done done) override { spawn_on(context_->get_executor(), std::move(call), std::move(done)); }
  bool runs_here() const override { return true; }
  bool run_one() override {
    context_->restart();
    return context_->run_one() > 0;
  }
  /// What is suspended holds on to the engine, and so to this.
  void join() override {
    timer_.disarm();
    context_.reset();
  }

 private:
  std::unique_ptr<asio::io_context> context_ = std::make_unique<asio::io_context>(1);
  OneTimer timer_;
};

}  // namespace

void spawn_on(const asio::any_io_executor& io, Scheduler::Call call, Scheduler::Done done) {
  auto coroutine = run_coroutine(io, std::move(call));
  // What the coroutine itself throws is an allocation that failed; a function's exceptions are caught inside.
  auto handler = [done = std::move(done)](const std::exception_ptr& thrown, Result<Blob> result) {
    done(thrown ? Result<Blob>(error_of(thrown)) : std::move(result));
  };
  asio::co_spawn(io, std::move(coroutine), std::move(handler));
}

std::unique_ptr<Scheduler> make_asio_scheduler(boost::asio::any_io_executor io, std::size_t blocking_tasks) {
  return std::make_unique<AsioScheduler>(std::move(io), blocking_tasks);
}

std::unique_ptr<Scheduler> make_inline_scheduler() { return std::make_unique<InlineScheduler>(); }

}  // namespace deriva::detail
