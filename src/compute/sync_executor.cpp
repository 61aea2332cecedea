#include <deriva/compute/sync_executor.hpp>

#include <utility>

#include "compute/engine.hpp"

namespace deriva {
namespace {

ExecutorOptions for_one_thread(ExecutorOptions options) {
  options.concurrency = 1;
  options.coroutine_concurrency = 1;
  return options;
}

}  // namespace

SyncExecutor::SyncExecutor(Store& store, detail::Resolver resolver, const ExecutorOptions& options)
    : engine_(
          detail::Engine::make(detail::make_inline_scheduler(), store, std::move(resolver), for_one_thread(options))) {}

SyncExecutor::~SyncExecutor() { engine_->shutdown(); }

Result<Blob> SyncExecutor::materialize(const Address& address, MaterializeOptions options) {
  return engine_->materialize(address, std::move(options));
}

Result<void> SyncExecutor::flush() { return engine_->flush(); }

}  // namespace deriva
