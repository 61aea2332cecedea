#pragma once

#include <memory>
#include <mutex>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/execution/relationship.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>

#include "compute/boundary.hpp"

namespace deriva::detail {

/// The executor of coroutine functions: the I/O executor, except that `in_function()` is true on the thread while what
/// it was given runs, and what that runs inline. Fits into an `any_io_executor`.
/// Thread safety: any thread. Lifetime: any, with the I/O executor's context.
class FunctionExecutor {
  using any_io_executor = boost::asio::any_io_executor;
  using Blocking = boost::asio::execution::blocking_t;
  using OutstandingWork = boost::asio::execution::outstanding_work_t;
  using Relationship = boost::asio::execution::relationship_t;

 public:
  // No constructor: whether there is one from an `any_io_executor` would depend on whether this converts to one.
  [[nodiscard]] static FunctionExecutor on(any_io_executor io) {
    return FunctionExecutor(std::make_shared<Shared>(std::move(io)));
  }

  template <class Task>
  void execute(Task task) const {
    namespace execution = boost::asio::execution;
    any_io_executor io = never_blocks_ ? boost::asio::require(shared_->io, execution::blocking.never) : shared_->io;
    if (is_continuation_) io = boost::asio::prefer(io, execution::relationship.continuation);
    io.execute(Segment<Task>{std::move(task)});
  }

  [[nodiscard]] boost::asio::execution_context& query(boost::asio::execution::context_t) const {
    return boost::asio::query(shared_->io, boost::asio::execution::context);
  }
  // Without the following three, Asio takes each property for what it is at first, and does not ask to change it back.
  [[nodiscard]] Blocking query(Blocking) const noexcept {
    return never_blocks_ ? Blocking(Blocking::never) : Blocking(Blocking::possibly);
  }
  [[nodiscard]] Relationship query(Relationship) const noexcept {
    return is_continuation_ ? Relationship(Relationship::continuation) : Relationship(Relationship::fork);
  }
  [[nodiscard]] OutstandingWork query(OutstandingWork) const noexcept {
    return is_tracked_ ? OutstandingWork(OutstandingWork::tracked) : OutstandingWork(OutstandingWork::untracked);
  }
  [[nodiscard]] FunctionExecutor require(Blocking::never_t) const {
    return with(&FunctionExecutor::never_blocks_, true);
  }
  [[nodiscard]] FunctionExecutor require(Blocking::possibly_t) const {
    return with(&FunctionExecutor::never_blocks_, false);
  }
  [[nodiscard]] FunctionExecutor require(Relationship::continuation_t) const {
    return with(&FunctionExecutor::is_continuation_, true);
  }
  [[nodiscard]] FunctionExecutor require(Relationship::fork_t) const {
    return with(&FunctionExecutor::is_continuation_, false);
  }
  [[nodiscard]] FunctionExecutor require(OutstandingWork::tracked_t) const {
    FunctionExecutor copy = with(&FunctionExecutor::is_tracked_, true);
    if (!is_tracked_) copy.shared_ = tracked();
    return copy;
  }
  [[nodiscard]] FunctionExecutor require(OutstandingWork::untracked_t) const {
    FunctionExecutor copy = with(&FunctionExecutor::is_tracked_, false);
    if (is_tracked_) copy.shared_ = shared_->shared_from_this();
    return copy;
  }

  friend bool operator==(const FunctionExecutor& a, const FunctionExecutor& b) noexcept {
    return a.shared_.get() == b.shared_.get() && a.never_blocks_ == b.never_blocks_;
  }
  friend bool operator!=(const FunctionExecutor& a, const FunctionExecutor& b) noexcept { return !(a == b); }

 private:
  struct Work;
  struct Shared : std::enable_shared_from_this<Shared> {
    explicit Shared(any_io_executor executor) noexcept : io(std::move(executor)) {}
    const any_io_executor io;
    std::mutex mutex;
    std::weak_ptr<Work> work;
  };
  /// What all that are tracked share: the I/O executor's work is counted once for them.
  struct Work {
    std::shared_ptr<Shared> shared;
    any_io_executor tracked;
  };

  explicit FunctionExecutor(std::shared_ptr<Shared> shared) noexcept : shared_(std::move(shared)) {}

  template <class Task>
  struct Segment {
    void operator()() {
      const FunctionScope here(true);
      std::move(task)();
    }
    Task task;
  };

  [[nodiscard]] FunctionExecutor with(bool FunctionExecutor::*property, bool value) const {
    FunctionExecutor copy = *this;
    copy.*property = value;
    return copy;
  }
  [[nodiscard]] std::shared_ptr<Shared> tracked() const {
    const std::lock_guard lock(shared_->mutex);
    std::shared_ptr<Work> work = shared_->work.lock();
    if (!work) {
      work = std::make_shared<Work>(
          Work{shared_, boost::asio::prefer(shared_->io, boost::asio::execution::outstanding_work.tracked)});
      shared_->work = work;
    }
    return {std::move(work), shared_.get()};
  }

  std::shared_ptr<Shared> shared_;  ///< Of one that is tracked: keeps the work.
  bool never_blocks_ = false;       ///< Else as the I/O executor does.
  bool is_continuation_ = false;
  bool is_tracked_ = false;
};

}  // namespace deriva::detail
