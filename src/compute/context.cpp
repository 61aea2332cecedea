#include <deriva/compute/context.hpp>

#include <utility>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <deriva/compute/detail/completion.hpp>

#include "compute/function_host.hpp"
#include "compute/function_progress.hpp"

namespace deriva {
namespace {

namespace asio = boost::asio;
using detail::FunctionHost;

/// The initiation of `Context::materialize`.
struct InitiateDependency {
  template <class Handler>
  void operator()(Handler handler, const Address& address) const {
    const detail::RequestId request = host->next_request();
    if (auto slot = asio::get_associated_cancellation_slot(handler); slot.is_connected()) {
      slot.assign([weak = std::weak_ptr(host), request](asio::cancellation_type type) {
        const auto alive = weak.lock();
        if (alive && type != asio::cancellation_type::none) alive->cancel(request);
      });
    }
    using Completion = detail::HandlerCompletion<Handler, Blob>;
    host->start(request, address, detail::Completion<Blob>::Ptr(new Completion(std::move(handler), io)));
  }
  std::shared_ptr<FunctionHost> host;
  asio::any_io_executor io;
};

asio::awaitable<Result<Blob>> no_host() {
  co_return Error(Errc::invalid_argument, "there is no executor to compute what the function asks for");
}

}  // namespace

struct Context::Own {
  asio::any_io_executor io;
  Address address;
  detail::ContextState state;
};

Context::Context(asio::any_io_executor io, const Address& address, std::stop_token stop,
                 std::optional<TimePoint> deadline, const TraceContext& trace) {
  auto own = std::make_unique<Own>(Own{std::move(io), address, {}});
  own->state = {&own->io, &own->address, std::move(stop), deadline, trace};
  state_ = &own->state;
  own_ = std::move(own);
}

Context::Context(const detail::ContextState& state) noexcept : state_(&state) {}

Context::~Context() = default;

const asio::any_io_executor& Context::get_executor() const noexcept {
  static const asio::any_io_executor none;
  return state_->io == nullptr ? none : *state_->io;
}

asio::awaitable<Result<Blob>> Context::materialize(Address address) {
  if (state_->host == nullptr) return no_host();
  return asio::async_initiate<const asio::use_awaitable_t<>&, void(Result<Blob>)>(
      InitiateDependency{state_->host->shared_from_this(), get_executor()}, asio::use_awaitable, address);
}

void Context::progress(double fraction) noexcept {
  if (state_->progress != nullptr) state_->progress->report(fraction);
}

void Context::progress(std::uint64_t done, std::uint64_t total) noexcept {
  if (total > 0) progress(static_cast<double>(done) / static_cast<double>(total));
}

}  // namespace deriva
