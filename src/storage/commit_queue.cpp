#include "storage/commit_queue.hpp"

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
  request.wake_.wait(lock, [&] { return request.finished_ || request.leads_; });
  return !request.finished_;
}

std::span<CommitQueue::Request* const> CommitQueue::take_group() {
  const std::lock_guard lock(mutex_);
  group_.clear();
  do {
    Request* request = first_;
    group_.push_back(request);
    first_ = request->next_;
    --waiting_;
  } while (first_ != nullptr && group_.size() < max_group_ && !group_.front()->alone() && !first_->alone());
  if (first_ == nullptr) last_ = nullptr;
  return group_;
}

void CommitQueue::finish() noexcept {
  const std::lock_guard lock(mutex_);
  for (Request* request : group_) {
    request->finished_ = true;
    // Under the lock: once it is released, the caller may return and take the request with it.
    request->wake_.notify_one();
  }
  led_ = first_ != nullptr;
  if (led_) {
    first_->leads_ = true;
    first_->wake_.notify_one();
  }
}

std::size_t CommitQueue::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_;
}

}  // namespace deriva::detail
