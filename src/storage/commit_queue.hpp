#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include <deriva/core/error.hpp>
#include <deriva/storage/function_ref.hpp>
#include <deriva/storage/transaction.hpp>

namespace deriva::detail {

/// Who writes next. Callers queue up; the first one leads: it takes a group from the front of the queue, carries it out
/// on its own thread, tells the others of the group, and makes the first one left in the queue the next leader. While a
/// leader waits for the disk, the next group gathers. Alone, a caller pays for two uncontended locks and no hand-over.
/// Thread safety: all members; `take_group` and `finish` only by the leader.
class CommitQueue {
 public:
  /// A change that a caller waits for. Lives on the caller's stack.
  class Request {
   public:
    /// Runs with others inside a write transaction.
    /// `appends`: it may leave its changes to the journal.
    Request(FunctionRef<Result<void>(WriteTransaction&)> operation, bool appends) noexcept
        : operation_(operation), appends_(appends) {}
    /// Runs alone, outside any transaction: the leader only keeps all others out.
    Request() noexcept = default;

    [[nodiscard]] bool alone() const noexcept { return !operation_; }
    [[nodiscard]] bool appends() const noexcept { return appends_; }
    [[nodiscard]] const FunctionRef<Result<void>(WriteTransaction&)>& operation() const noexcept { return *operation_; }

    /// What came of it; none as long as it is to be run (again).
    std::optional<Result<void>> outcome;
    /// What the operation threw, for its caller.
    std::exception_ptr exception;

   private:
    friend class CommitQueue;
    std::optional<FunctionRef<Result<void>(WriteTransaction&)>> operation_;
    bool appends_ = false;
    Request* next_ = nullptr;
    bool finished_ = false;
    bool leads_ = false;
    std::optional<std::condition_variable> wake_;  // once it waits
  };

  explicit CommitQueue(std::size_t max_group) : max_group_(max_group) { group_.reserve(1); }

  /// Queues the request. Returns true once the caller leads, with the request at the front of the queue; false once
  /// another leader has finished it.
  [[nodiscard]] bool join(Request& request);
  /// The requests to carry out now, in order, the leader's own first.
  [[nodiscard]] std::span<Request* const> take_group();
  /// Tells all of the group, and hands the lead over.
  void finish() noexcept;

  /// Requests that wait for the next group.
  [[nodiscard]] std::size_t waiting() const;

 private:
  [[nodiscard]] std::size_t room() noexcept;
  static void wake(Request& request) noexcept;

  const std::size_t max_group_;
  std::vector<Request*> group_;  // the leader's

  mutable std::mutex mutex_;
  Request* first_ = nullptr;
  Request* last_ = nullptr;
  std::size_t waiting_ = 0;
  bool led_ = false;
};

}  // namespace deriva::detail
