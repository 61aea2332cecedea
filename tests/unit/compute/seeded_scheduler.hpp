#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "compute/scheduler.hpp"
#include "compute/spawn.hpp"

namespace deriva::test {

using Random = std::mt19937_64;

inline std::size_t pick(Random& random, std::size_t bound) {
  return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random);
}

/// Runs what it is given when `step` is called: one piece, chosen by chance. A coroutine steps on a context of its own.
class SeededScheduler final : public detail::Scheduler {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  explicit SeededScheduler(Random& random) : random_(random) {}

  void post(std::function<void()> task) override { tasks_.push_back(std::move(task)); }
  void post_blocking(std::function<void()> task) override { tasks_.push_back(std::move(task)); }
  void arm(TimePoint when, std::function<void()> task) override { timer_.emplace(when, std::move(task)); }
  void disarm() override { timer_.reset(); }
  /// Each look at the clock takes a while: functions take some time, and not all of them the same.
  TimePoint now() const override { return now_ += std::chrono::nanoseconds(1 + pick(random_, 2'000)); }
  std::chrono::nanoseconds turn() const override { return std::chrono::nanoseconds(0); }
  std::shared_ptr<const void> work(std::shared_ptr<const void> engine) override { return engine; }  // They only poll.
  void spawn(std::shared_ptr<Call> call) override { calls_.emplace_back().spawner.spawn(std::move(call)); }
  void join() override {
    tasks_.clear();
    calls_.clear();
  }

  /// False: there is nothing to run, whatever the time.
  bool step() {
    std::vector<std::function<bool()>> choices;
    for (std::size_t i = 0; i < tasks_.size(); ++i) choices.emplace_back([this, i] { return run_task(i); });
    for (OnContext& call : calls_) {
      choices.emplace_back([&context = *call.context] {
        context.restart();
        return context.poll_one() > 0;
      });
    }
    std::shuffle(choices.begin(), choices.end(), random_);
    if (timer_) choices.insert(pick(random_, 8) == 0 ? choices.begin() : choices.end(), [this] { return fire(); });
    return std::any_of(choices.begin(), choices.end(), [](const auto& choice) { return choice(); });
  }

 private:
  struct OnContext {
    ~OnContext() { context.reset(); }  // The call goes with it, and before the spawner.
    std::unique_ptr<boost::asio::io_context> context = std::make_unique<boost::asio::io_context>(1);
    detail::Spawner spawner{context->get_executor()};
  };

  bool run_task(std::size_t index) {
    const std::function<void()> task = std::move(tasks_[index]);
    tasks_.erase(tasks_.begin() + static_cast<std::ptrdiff_t>(index));
    task();
    return true;
  }
  bool fire() {
    now_ = std::max(now_, timer_->first);
    const std::function<void()> task = std::move(timer_->second);
    timer_.reset();
    task();
    return true;
  }

  Random& random_;
  mutable TimePoint now_{};
  std::deque<std::function<void()>> tasks_;
  std::list<OnContext> calls_;
  std::optional<std::pair<TimePoint, std::function<void()>>> timer_;
};

}  // namespace deriva::test
