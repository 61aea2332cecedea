#pragma once

#include <deriva/storage/transaction.hpp>

namespace deriva::detail {

/// What the current thread is inside of: its open transactions, innermost first. Lets a nested read share the snapshot
/// of the outer one, and refuses a nested write instead of waiting for itself.
class ThreadScope {
 public:
  ThreadScope(const void* environment, const ReadTransaction& transaction, bool writing) noexcept
      : environment_(environment), transaction_(transaction), writing_(writing), outer_(innermost_) {
    innermost_ = this;
  }
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;
  ~ThreadScope() { innermost_ = outer_; }

  /// The innermost transaction of the environment on this thread, or null.
  [[nodiscard]] static const ThreadScope* find(const void* environment) noexcept {
    const ThreadScope* scope = innermost_;
    while (scope != nullptr && scope->environment_ != environment) scope = scope->outer_;
    return scope;
  }

  [[nodiscard]] const ReadTransaction& transaction() const noexcept { return transaction_; }
  [[nodiscard]] bool writing() const noexcept { return writing_; }

 private:
  static thread_local constinit ThreadScope* innermost_;

  const void* environment_;
  const ReadTransaction& transaction_;
  bool writing_;
  ThreadScope* outer_;
};

}  // namespace deriva::detail
