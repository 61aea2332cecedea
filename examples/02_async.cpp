// Functions that wait without holding a thread, a request that is awaited, and one that is cancelled.

#include <chrono>
#include <iostream>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <deriva/deriva.hpp>

namespace {

using namespace deriva;
namespace asio = boost::asio;

// A coroutine function owns its inputs and params. This one stands for whatever is slow: a network, a device.
asio::awaitable<Blob> fetch(std::vector<Blob> inputs, Params params, Context& context) {
  asio::steady_timer timer(context.get_executor());
  timer.expires_after(std::chrono::milliseconds(std::get<std::int64_t>(params.at("milliseconds"))));
  // The context says when nobody waits for the value any more. Here that happens on the one thread there is: with more
  // of them the timer would have to be cancelled through its executor.
  const std::stop_callback stop(context.stop_token(), [&timer] { timer.cancel(); });
  co_await timer.async_wait(asio::use_awaitable);
  context.progress(1, 2);  // Of its work: whoever gave the request a `MaterializeOptions::progress` hears of it.
  std::cout << "fetched " << as_text(inputs[0]) << '\n';
  co_return inputs[0];
}

// A plain function beside it. Recipes know nothing of the difference.
Blob join(std::span<const Blob> inputs, const Params&) {
  std::string text;
  for (const Blob& input : inputs) {
    if (!text.empty()) text += " + ";
    text += as_text(input);
  }
  return Blob::adopt(std::move(text));
}

Address describe_fetch(Store& store, std::string_view name, std::int64_t milliseconds) {
  const Address leaf = store.put_leaf(as_bytes(name)).value();
  return store.put_recipe({{"fetch", "1"}, {leaf}, {{"milliseconds", milliseconds}}}).value();
}

asio::awaitable<void> ask(Executor<FunctionRegistry>& executor, asio::cancellation_signal& cancel, Address page,
                          Address endless) {
  // Any completion token will do. This is a callback, with a slot through which the request can be cancelled.
  MaterializeOptions options;
  executor.async_materialize(endless, options, asio::bind_cancellation_slot(cancel.slot(), [](Result<Blob> value) {
                               std::cout << "endless: " << value.error().code() << '\n';
                             }));

  // Both fetches of the page wait at the same time: the one that was described first takes longer.
  const Result<Blob> value = co_await executor.async_materialize(page, options, asio::use_awaitable);
  std::cout << "page: " << as_text(value.value()) << '\n';
  cancel.emit(asio::cancellation_type::terminal);
}

}  // namespace

int main() {
  FunctionRegistry functions;
  functions.add_async({"fetch", "1"}, fetch);
  functions.add({"join", "1"}, join);

  Store store = Store::open("02_async.store").value();
  const Address text = describe_fetch(store, "text", 200);
  const Address image = describe_fetch(store, "image", 20);
  const Address page = store.put_recipe({{"join", "1"}, {text, image}, {}}).value();
  const Address endless = describe_fetch(store, "endless", 24L * 60 * 60 * 1000);

  asio::io_context context(1);
  asio::cancellation_signal cancel;  // Outlives the request that it can cancel.
  const ExecutorOptions options{.observers = observers_from_environment(store).value()};
  Executor executor(context.get_executor(), store, functions, options);
  asio::co_spawn(context, ask(executor, cancel, page, endless), asio::detached);
  context.run();
}

// Prints:
//   fetched image
//   fetched text
//   page: text + image
//   endless: cancelled
//
// Prints, the second time:
//   page: text + image
//   endless: cancelled
