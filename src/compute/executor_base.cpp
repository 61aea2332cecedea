#include <deriva/compute/detail/executor_base.hpp>

#include <algorithm>
#include <utility>

#include "compute/engine.hpp"

namespace deriva::detail {

ExecutorBase::ExecutorBase(boost::asio::any_io_executor io, Store& store, Resolver resolver,
                           const ExecutorOptions& options)
    : io_(std::move(io)),
      engine_(Engine::make(make_asio_scheduler(io_, std::max<std::size_t>(options.blocking_concurrency, 1)), store,
                           std::move(resolver), options)) {}

ExecutorBase::~ExecutorBase() { engine_->shutdown(); }

Result<Blob> ExecutorBase::materialize(const Address& address, MaterializeOptions options) {
  return engine_->materialize(address, std::move(options));
}

void ExecutorBase::start(RequestId request, const Address& address, MaterializeOptions options,
                         Completion<Blob>::Ptr completion) {
  engine_->start(request, address, std::move(options), std::move(completion));
}

Result<void> ExecutorBase::flush() { return engine_->flush(); }

void ExecutorBase::start_flush(Completion<void>::Ptr completion) { engine_->start_flush(std::move(completion)); }

RequestId ExecutorBase::next_request() noexcept { return engine_->next_request(); }

std::function<void()> ExecutorBase::canceller(RequestId request) const {
  return [engine = std::weak_ptr(engine_), request] {
    if (const auto alive = engine.lock()) alive->cancel(request);
  };
}

}  // namespace deriva::detail
