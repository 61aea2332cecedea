#include <utility>

#include "compute/engine.hpp"

namespace deriva::detail {

// One timer for all: it is armed for the first deadline, and may fire when the request it was armed for is over.

void Engine::add_deadline(const Request& request) {
  if (!request.options.deadline) return;
  const auto [entry, is_new] = deadlines_.emplace(*request.options.deadline, request.id);
  if (entry == deadlines_.begin()) arm();
}

void Engine::remove_deadline(const Request& request) {
  if (!request.options.deadline) return;
  deadlines_.erase({*request.options.deadline, request.id});
  if (deadlines_.empty()) scheduler_->disarm();  // The I/O executor has nothing to wait for.
}

void Engine::arm() {
  auto task = [engine = weak_from_this()] {
    if (const auto alive = engine.lock()) alive->expire();
  };
  scheduler_->arm(deadlines_.begin()->first, std::move(task));
}

void Engine::exceed_deadline(Lock& lock, RequestId id) {
  give_up(lock, id, Error(Errc::deadline_exceeded, "the time allowed for the request is over"));
}

/// Ends the requests whose time is over.
void Engine::expire() {
  Lock lock(mutex_);
  const Clock::time_point now = Clock::now();
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    exceed_deadline(lock, deadlines_.begin()->second);
  }
  if (!deadlines_.empty() && !stopping_) arm();
}

}  // namespace deriva::detail
