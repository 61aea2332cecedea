#pragma once

#include <memory>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include <deriva/compute/detail/executor_base.hpp>

namespace deriva::detail {

/// Completes an Asio handler: posted to its associated executor, with its allocator. Until then there is work on that
/// executor, and on the one that computes.
template <class Handler, class T>
class HandlerCompletion final : public Completion<T> {
  using HandlerExecutor = boost::asio::associated_executor_t<Handler, boost::asio::any_io_executor>;

 public:
  HandlerCompletion(Handler handler, const boost::asio::any_io_executor& io)
      : io_work_(io), work_(boost::asio::get_associated_executor(handler, io)), handler_(std::move(handler)) {}

  void complete(Result<T> result) noexcept override {
    auto handler_executor = work_.get_executor();
    boost::asio::post(handler_executor, Call{std::move(handler_), std::move(result)});
    delete this;
  }
  void destroy() noexcept override { delete this; }

 private:
  struct Call {
    using allocator_type = boost::asio::associated_allocator_t<Handler>;
    [[nodiscard]] allocator_type get_allocator() const noexcept {
      return boost::asio::get_associated_allocator(handler);
    }
    void operator()() { std::move(handler)(std::move(result)); }
    Handler handler;
    Result<T> result;
  };

  boost::asio::executor_work_guard<boost::asio::any_io_executor> io_work_;
  boost::asio::executor_work_guard<HandlerExecutor> work_;
  Handler handler_;
};

/// The initiation of `Executor::async_materialize`.
struct InitiateMaterialize {
  template <class Handler>
  void operator()(Handler handler, const Address& address, MaterializeOptions options) const {
    const RequestId request = base->next_request();
    if (auto slot = boost::asio::get_associated_cancellation_slot(handler); slot.is_connected()) {
      // Left in the slot at completion, when it does nothing: the signal may be gone by then.
      slot.assign([cancel = base->canceller(request)](boost::asio::cancellation_type type) {
        if (type != boost::asio::cancellation_type::none) cancel();
      });
    }
    base->start(request, address, std::move(options),
                Completion<Blob>::Ptr(new HandlerCompletion<Handler, Blob>(std::move(handler), base->io())));
  }
  ExecutorBase* base;
};

/// The initiation of `Executor::async_flush`.
struct InitiateFlush {
  template <class Handler>
  void operator()(Handler handler) const {
    base->start_flush(Completion<void>::Ptr(new HandlerCompletion<Handler, void>(std::move(handler), base->io())));
  }
  ExecutorBase* base;
};

}  // namespace deriva::detail
