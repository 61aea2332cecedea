#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "compute/plan_batch.hpp"

namespace deriva::detail {

class Engine;

/// How far the functions under way of one request say they are, added up; for hosts that want to know. Thread safety:
/// any thread, without a lock.
class RequestProgress {
 public:
  using Clock = std::chrono::steady_clock;
  /// What one function has done once it is done.
  static constexpr std::uint32_t whole = 1U << 16U;

  RequestProgress(RequestId request, Clock::duration interval) noexcept
      : request_(request), interval_(interval), due_((Clock::now() + interval).time_since_epoch().count()) {}

  [[nodiscard]] RequestId request() const noexcept { return request_; }
  void add(std::int64_t parts) noexcept { parts_.fetch_add(parts, std::memory_order_relaxed); }
  /// In functions.
  [[nodiscard]] double sum() const noexcept;

  /// Whether the host may be told again.
  [[nodiscard]] bool is_due(Clock::time_point now) const noexcept {
    return now.time_since_epoch().count() >= due_.load(std::memory_order_relaxed);
  }
  void told(Clock::time_point now) noexcept {
    due_.store((now + interval_).time_since_epoch().count(), std::memory_order_relaxed);
  }

 private:
  const RequestId request_;
  const Clock::duration interval_;
  std::atomic<std::int64_t> parts_{0};
  std::atomic<Clock::rep> due_;
};

class RunProgress;

/// What the context of one execution says it to. Thread safety: any thread. Lifetime: the run outlives it.
class ExecutionProgress {
 public:
  explicit ExecutionProgress(RunProgress& run) noexcept : run_(run) {}
  /// Bad values and those that say less than earlier ones change nothing.
  void report(double fraction) noexcept;

 private:
  RunProgress& run_;
  std::atomic<std::uint32_t> said_{0};
};

/// The part of one run, all its executions together. Thread safety: any thread, without a lock.
class RunProgress {
 public:
  RunProgress(std::weak_ptr<Engine> engine, std::shared_ptr<RequestProgress> request, std::uint32_t executions) noexcept
      : engine_(std::move(engine)), request_(std::move(request)), executions_(executions) {}

  /// What one execution has done once it is done: all together are the whole.
  [[nodiscard]] std::uint32_t share() const noexcept { return RequestProgress::whole / executions_; }
  /// Tells the host, if it is time to. Nobody listens any more once it is closed.
  void add(std::uint32_t parts) noexcept;
  /// The run is over, or nobody waits for it: what it did is not counted any more, nor what it says.
  void close() noexcept;
  /// For a coroutine function, which is executed once at a time: kept until the next one.
  [[nodiscard]] ExecutionProgress& begin_execution() noexcept { return execution_.emplace(*this); }

 private:
  static constexpr std::uint32_t closed = ~std::uint32_t{0};

  const std::weak_ptr<Engine> engine_;
  const std::shared_ptr<RequestProgress> request_;
  const std::uint32_t executions_;
  std::atomic<std::uint32_t> parts_{0};
  std::optional<ExecutionProgress> execution_;
};

}  // namespace deriva::detail
