#include "compute/scheduler.hpp"

#include <mutex>
#include <optional>
#include <utility>

#include <boost/asio/defer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include "compute/spawn.hpp"

namespace deriva::detail {
namespace {

namespace asio = boost::asio;

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
      : io_(std::move(io)), spawner_(io_), blocking_tasks_(blocking_tasks) {}
  void post(std::function<void()> task) override { asio::post(io_, std::move(task)); }
  void post_next(std::function<void()> task) override { asio::defer(io_, std::move(task)); }
  std::shared_ptr<const void> work(std::shared_ptr<const void> engine) override {
    return spawner_.work(std::move(engine));
  }
  void spawn(std::shared_ptr<Call> call) override { spawner_.spawn(std::move(call)); }
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
  Spawner spawner_;
  const std::size_t blocking_tasks_;
  OneTimer timer_;
  std::once_flag first_blocking_;
  std::optional<asio::thread_pool> threads_;  ///< Of blocking tasks, made with the first.
};

class InlineScheduler final : public Scheduler {
 public:
  InlineScheduler() : context_(std::make_unique<asio::io_context>(1)) { spawner_.emplace(context_->get_executor()); }
  void post(std::function<void()>) override {}
  void arm(std::chrono::steady_clock::time_point when, std::function<void()> task) override {
    timer_.arm(context_->get_executor(), when, std::move(task));
  }
  void disarm() override { timer_.disarm(); }
  void post_blocking(std::function<void()> task) override { task(); }
  std::shared_ptr<const void> work(std::shared_ptr<const void> engine) override {
    return spawner_->work(std::move(engine));
  }
  void spawn(std::shared_ptr<Call> call) override { spawner_->spawn(std::move(call)); }
  bool runs_here() const override { return true; }
  bool run_one() override {
    context_->restart();
    return context_->run_one() > 0;
  }
  void interrupt() override {
    asio::post(*context_, [] {});
  }
  /// What is suspended holds on to the engine, and so to this.
  void join() override {
    timer_.disarm();
    context_.reset();
  }

 private:
  std::optional<Spawner> spawner_;  ///< Outlives the calls, and they go with the context.
  std::unique_ptr<asio::io_context> context_;
  OneTimer timer_;
};

}  // namespace

std::unique_ptr<Scheduler> make_asio_scheduler(boost::asio::any_io_executor io, std::size_t blocking_tasks) {
  return std::make_unique<AsioScheduler>(std::move(io), blocking_tasks);
}

std::unique_ptr<Scheduler> make_inline_scheduler() { return std::make_unique<InlineScheduler>(); }

}  // namespace deriva::detail
