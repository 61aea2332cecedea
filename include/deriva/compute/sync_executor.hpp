#pragma once

#include <memory>
#include <type_traits>

#include <deriva/compute/compute_registry.hpp>
#include <deriva/compute/detail/executor_base.hpp>
#include <deriva/compute/executor_options.hpp>
#include <deriva/compute/materialize_options.hpp>
#include <deriva/core/address.hpp>
#include <deriva/core/blob.hpp>
#include <deriva/core/error.hpp>
#include <deriva/store/store.hpp>

namespace deriva {

/// Computes what recipes describe on the calling thread alone, with the semantics of `Executor`: for tests and small
/// tools. Coroutine functions run one after the other, on a context of their own, which the calls below run; one that
/// waits for another value (`Context::materialize`) lets others go first.
///
/// Thread safety: one thread at a time. Lifetime: the store and the registry outlive it.
class SyncExecutor {
 public:
  template <ComputeRegistry Registry>
  SyncExecutor(Store& store, const Registry& registry, const ExecutorOptions& options = {})
      : SyncExecutor(store,
                     detail::Resolver([&registry](const FunctionId& id) -> Function { return registry.find(id); }),
                     options) {}
  SyncExecutor(const SyncExecutor&) = delete;
  SyncExecutor& operator=(const SyncExecutor&) = delete;
  ~SyncExecutor();

  /// As `Executor::materialize`, also in that a function of whatever executor must not call it: `invalid_argument`.
  [[nodiscard]] Result<Blob> materialize(const Address& address, MaterializeOptions options = {});

  /// As `Executor::flush`. Nothing is stored between two calls: only by them, and by destruction.
  [[nodiscard]] Result<void> flush();

 private:
  SyncExecutor(Store& store, detail::Resolver resolver, const ExecutorOptions& options);
  std::shared_ptr<detail::Engine> engine_;
};

}  // namespace deriva
