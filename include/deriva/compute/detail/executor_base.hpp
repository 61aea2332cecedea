#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include <boost/asio/any_io_executor.hpp>

#include <deriva/compute/executor_options.hpp>
#include <deriva/compute/function.hpp>
#include <deriva/compute/materialize_options.hpp>
#include <deriva/core/address.hpp>
#include <deriva/core/blob.hpp>
#include <deriva/core/error.hpp>
#include <deriva/store/store.hpp>

namespace deriva::detail {

class Engine;

using RequestId = std::uint64_t;
using Resolver = std::function<Function(const FunctionId&)>;

/// Receives what became of an operation, once, on any thread, with no lock held. Must not throw or wait. Is gone when
/// `complete` returns: `finish` calls it.
template <class T>
class Completion {
 public:
  struct Destroy {
    void operator()(Completion* completion) const noexcept { completion->destroy(); }
  };
  using Ptr = std::unique_ptr<Completion, Destroy>;

  Completion() = default;
  Completion(const Completion&) = delete;
  Completion& operator=(const Completion&) = delete;
  virtual void complete(Result<T> result) noexcept = 0;
  /// Instead of `complete`.
  virtual void destroy() noexcept = 0;

 protected:
  ~Completion() = default;
};

template <class T>
void finish(typename Completion<T>::Ptr completion, Result<T> result) noexcept {
  completion.release()->complete(std::move(result));
}

/// What `Executor` is for every registry.
class ExecutorBase {
 public:
  ExecutorBase(boost::asio::any_io_executor io, Store& store, Resolver resolver, const ExecutorOptions& options);
  ExecutorBase(const ExecutorBase&) = delete;
  ExecutorBase& operator=(const ExecutorBase&) = delete;
  ~ExecutorBase();

  Result<Blob> materialize(const Address& address, MaterializeOptions options);

  /// Starts a request under an id from `next_request`.
  void start(RequestId request, const Address& address, MaterializeOptions options, Completion<Blob>::Ptr completion);
  [[nodiscard]] RequestId next_request() noexcept;
  [[nodiscard]] const boost::asio::any_io_executor& io() const noexcept { return io_; }

  Result<void> flush();
  void start_flush(Completion<void>::Ptr completion);

  /// A function that cancels the request; does nothing once it, or the executor, is gone.
  [[nodiscard]] std::function<void()> canceller(RequestId request) const;

 private:
  boost::asio::any_io_executor io_;
  std::shared_ptr<Engine> engine_;
};

}  // namespace deriva::detail
