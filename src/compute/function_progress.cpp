#include "compute/function_progress.hpp"

#include <algorithm>

#include "compute/engine.hpp"

namespace deriva::detail {

/// Never negative: who closes a run may be quicker than who adds to it.
double RequestProgress::sum() const noexcept {
  const std::int64_t parts = std::max<std::int64_t>(parts_.load(std::memory_order_relaxed), 0);
  return static_cast<double>(parts) / whole;
}

void RunProgress::add(std::uint32_t parts) noexcept {
  std::uint32_t before = parts_.load(std::memory_order_relaxed);
  do {
    if (before == closed) return;
  } while (!parts_.compare_exchange_weak(before, before + parts, std::memory_order_relaxed));
  request_->add(parts);
  if (!request_->is_due(RequestProgress::Clock::now())) return;
  if (const std::shared_ptr<Engine> engine = engine_.lock()) engine->function_progressed(request_->request());
}

void RunProgress::close() noexcept {
  const std::uint32_t before = parts_.exchange(closed, std::memory_order_relaxed);
  if (before != closed) request_->add(-std::int64_t{before});
}

void ExecutionProgress::report(double fraction) noexcept {
  if (!(fraction > 0)) return;  // Nor is it NaN.
  const auto done = static_cast<std::uint32_t>(std::min(fraction, 1.0) * run_.share());
  std::uint32_t before = said_.load(std::memory_order_relaxed);
  do {
    if (done <= before) return;
  } while (!said_.compare_exchange_weak(before, done, std::memory_order_relaxed));
  run_.add(done - before);
}

// --- The engine's part

void Engine::begin_progress(FunctionRun& run, const Plan::Task& job, const RequestPtr& owner) {
  if (!owner || !owner->running) return;
  run.progress = std::make_unique<RunProgress>(weak_from_this(), owner->running, executions(job));
}

/// The run is over, or nobody waits for it any more.
void Engine::end_progress(FunctionRun& run) {
  if (run.progress) run.progress->close();
}

/// A function says how far it is, and it is time to tell the host.
void Engine::function_progressed(RequestId id) {
  if (!come_inside()) return;
  Lock lock(mutex_);
  if (const RequestPtr request = request_of(id)) report_progress(lock, request);
  lock.unlock();
  go_outside();
}

}  // namespace deriva::detail
