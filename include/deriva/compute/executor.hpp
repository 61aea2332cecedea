#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>

#include <deriva/compute/compute_registry.hpp>
#include <deriva/compute/detail/completion.hpp>
#include <deriva/compute/detail/executor_base.hpp>
#include <deriva/compute/executor_options.hpp>
#include <deriva/compute/materialize_options.hpp>
#include <deriva/core/address.hpp>
#include <deriva/core/blob.hpp>
#include <deriva/core/error.hpp>
#include <deriva/store/store.hpp>

namespace deriva {

/// Computes what recipes describe: each once, whoever asks for it and how often, independent ones at the same time, on
/// the threads of an I/O executor; and stores the results.
///
/// A value is looked for in memory, then in the store, then computed after its inputs. An error ends the requests that
/// depend on it and is not remembered, as a rule. Results are stored in batches, a bounded number behind what is
/// computed: `flush` and `MaterializeOptions::durable` wait for them, and destruction stores the rest.
/// What another executor of the same `Store` is computing is waited for, too, and not computed again.
///
/// Thread safety: all members, from any thread, except construction and destruction.
/// Lifetime: the store, the registry and the context behind the I/O executor outlive the executor. Destroying it
/// completes what is pending with `Errc::cancelled` and waits for the plain functions that are running; coroutine
/// functions are asked to stop and may outlive it. It must not be destroyed by a function that it runs.
template <ComputeRegistry Registry>
class Executor {
 public:
  Executor(boost::asio::any_io_executor io, Store& store, const Registry& registry, ExecutorOptions options = {})
      : base_(
            std::move(io), store, [&registry](const FunctionId& id) -> Function { return registry.find(id); },
            options) {}

  /// Gets the value of a leaf or recipe, and blocks until it is there. The calling thread takes part in the work, so
  /// plain functions make progress even if nobody runs the I/O executor.
  /// Errors: `not_found` (also for an input that nobody provided), `function_not_found`, `function_failed`,
  /// `not_deterministic`, `cancelled` (the executor is being destroyed), `invalid_argument` (called from a function,
  /// plain or coroutine, that any executor is running, or from what that runs inline: it would wait for a place that
  /// the function holds, and has `Context::materialize` instead; a bad option), and the store's. They carry the address
  /// they are about.
  [[nodiscard]] Result<Blob> materialize(const Address& address, MaterializeOptions options = {}) {
    return base_.materialize(address, std::move(options));
  }

  /// The same without blocking. The completion signature is `void(Result<Blob>)`; the handler runs through its
  /// associated executor (by default the I/O executor), never inside this call.
  /// Cancellation: any kind, through the handler's cancellation slot: completes with `Errc::cancelled`. What others
  /// wait for goes on; what nobody waits for any more is not started.
  template <boost::asio::completion_token_for<void(Result<Blob>)> CompletionToken>
  auto async_materialize(Address address, MaterializeOptions options, CompletionToken&& token) {
    return boost::asio::async_initiate<CompletionToken, void(Result<Blob>)>(detail::InitiateMaterialize{&base_}, token,
                                                                            address, std::move(options));
  }

  /// Stores what was computed before this call, and blocks until it is there, with the store's durability.
  /// Errors: the store's, of any batch since the last flush; `not_deterministic` if a result was refused because
  /// another one is stored. What can be stored is stored.
  [[nodiscard]] Result<void> flush() { return base_.flush(); }

  /// The same without blocking. The completion signature is `void(Result<void>)`; the handler runs as that of
  /// `async_materialize`.
  template <boost::asio::completion_token_for<void(Result<void>)> CompletionToken>
  auto async_flush(CompletionToken&& token) {
    return boost::asio::async_initiate<CompletionToken, void(Result<void>)>(detail::InitiateFlush{&base_}, token);
  }

 private:
  detail::ExecutorBase base_;
};

template <class Registry>
Executor(boost::asio::any_io_executor, Store&, Registry&, ExecutorOptions) -> Executor<std::remove_const_t<Registry>>;

}  // namespace deriva
