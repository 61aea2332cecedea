#include <algorithm>
#include <utility>

#include "compute/engine.hpp"

namespace deriva::detail {

// One timer for all: it is armed for the first deadline or retry, and may fire when what it was armed for is over.

void Engine::add_deadline(const Request& request) {
  if (!request.options.deadline) return;
  const auto [entry, is_new] = deadlines_.emplace(*request.options.deadline, request.id);
  if (entry == deadlines_.begin()) arm();
}

void Engine::remove_deadline(const Request& request) {
  if (!request.options.deadline) return;
  deadlines_.erase({*request.options.deadline, request.id});
  if (deadlines_.empty() && retries_.empty()) scheduler_->disarm();  // The I/O executor has nothing to wait for.
}

void Engine::arm() {
  auto task = [engine = weak_from_this()] {
    if (const auto alive = engine.lock()) alive->expire();
  };
  Clock::time_point next = Clock::time_point::max();
  if (!deadlines_.empty()) next = deadlines_.begin()->first;
  if (!retries_.empty()) next = std::min(next, retries_.begin()->first);
  scheduler_->arm(next, std::move(task));
}

void Engine::exceed_deadline(Lock& lock, RequestId id) {
  give_up(lock, id, Error(Errc::deadline_exceeded, "the time allowed for the request is over"));
}

/// Ends the requests whose time is over, and sees to the functions whose time has come.
void Engine::expire() {
  Lock lock(mutex_);
  const Clock::time_point now = Clock::now();
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    exceed_deadline(lock, deadlines_.begin()->second);
  }
  if (stopping_) return;
  const bool due = has_due_retry();
  if (due) wake();  // Whoever runs the first of them arms for the next.
  if (!deadlines_.empty() || (!retries_.empty() && !due)) arm();
}

}  // namespace deriva::detail
