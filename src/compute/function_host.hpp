#pragma once

#include <memory>

#include <deriva/compute/detail/executor_base.hpp>
#include <deriva/core/address.hpp>

namespace deriva::detail {

/// What the context of a function asks of whoever runs it. Thread safety: any thread.
class FunctionHost : public std::enable_shared_from_this<FunctionHost> {
 public:
  FunctionHost() = default;
  FunctionHost(const FunctionHost&) = delete;
  FunctionHost& operator=(const FunctionHost&) = delete;
  virtual ~FunctionHost() = default;

  [[nodiscard]] virtual RequestId next_request() noexcept = 0;
  /// Gets a value for the function, which waits for it, under an id from `next_request`.
  virtual void start(RequestId request, const Address& address, Completion<Blob>::Ptr completion) = 0;
  /// Ends the wait with `Errc::cancelled`, if it is not over.
  virtual void cancel(RequestId request) = 0;
};

}  // namespace deriva::detail
