#include "storage/commit_queue.hpp"

#include <algorithm>
#include <new>

namespace deriva::detail {

bool CommitQueue::join(Request& request) {
  std::unique_lock lock(mutex_);
  (last_ == nullptr ? first_ : last_->next_) = &request;
  last_ = &request;
  ++waiting_;
  if (!led_) {
    led_ = true;
    return true;
  }
  request.wake_.emplace();
  request.wake_->wait(lock, [&] { return request.finished_ || request.leads_; });
  return !request.finished_;
}

// As large a group as there is memory for: a leader that failed here would leave all others waiting.
std::size_t CommitQueue::room() noexcept {
  const std::size_t wanted = std::min(waiting_, max_group_);
  try {
    group_.reserve(wanted);
  } catch (const std::bad_alloc&) {
  }
  return std::min(group_.capacity(), max_group_);
}

std::span<CommitQueue::Request* const> CommitQueue::take_group() {
  const std::lock_guard lock(mutex_);
  group_.clear();
  const std::size_t most = room();
  do {
    Request* request = first_;
    group_.push_back(request);
    first_ = request->next_;
    --waiting_;
  } while (first_ != nullptr && group_.size() < most && !group_.front()->alone() && !first_->alone());
  if (first_ == nullptr) last_ = nullptr;
  return group_;
}

// Under the lock: once it is released, the caller may return and take the request with it.
void CommitQueue::wake(Request& request) noexcept {
  if (request.wake_) request.wake_->notify_one();
}

void CommitQueue::finish() noexcept {
  const std::lock_guard lock(mutex_);
  for (Request* request : group_) {
    request->finished_ = true;
    wake(*request);
  }
  led_ = first_ != nullptr;
  if (led_) {
    first_->leads_ = true;
    wake(*first_);
  }
}

std::size_t CommitQueue::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_;
}

}  // namespace deriva::detail
