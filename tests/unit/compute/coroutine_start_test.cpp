#include "compute/coroutine_start.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "compute/function_executor.hpp"
#include "compute/spawn.hpp"
#include "support/catch.hpp"

namespace deriva::test {
namespace {

namespace asio = boost::asio;
using detail::CoSpawnStart;
using detail::FunctionExecutor;
using detail::in_function;

#ifdef DERIVA_KNOWS_AWAITABLE_THREAD
static_assert(std::is_same_v<detail::CoroutineStart, detail::ThreadStart>);
#define DERIVA_EVERY_START CoSpawnStart, detail::ThreadStart
#else
static_assert(std::is_same_v<detail::CoroutineStart, CoSpawnStart>);
#define DERIVA_EVERY_START CoSpawnStart
#endif

struct Seen {
  std::string ended;  ///< With what.
  bool ended_in_function = false;
  bool gone = false;
};

struct RecordedCall final : detail::Scheduler::Call {
  RecordedCall(Seen& to, std::shared_ptr<const void> kept) : seen(to), work(std::move(kept)) {}
  ~RecordedCall() override { seen.gone = true; }
  Result<Function::Started> begin(const asio::any_io_executor&) override { return Error(Errc::invalid_argument); }
  void end(Result<Blob> result) override {
    seen.ended = result ? std::string(as_text(result->view())) : std::string(to_string(result.error().code()));
    seen.ended_in_function = in_function();
  }
  Seen& seen;
  const std::shared_ptr<const void> work;
};

/// Starts coroutines on a context, the way that is tested.
template <class Start>
struct Starter {
  template <class T>
  void start(asio::awaitable<T> function) {
    asio::dispatch(any, [&, function = std::move(function)]() mutable {
      Start::start(any, std::make_shared<RecordedCall>(seen, spawner.work(nullptr)), std::move(function));
    });
    context->run();
  }
  Seen seen;
  std::unique_ptr<asio::io_context> context = std::make_unique<asio::io_context>(1);
  detail::Spawner spawner{context->get_executor()};
  const asio::any_io_executor any{FunctionExecutor::on(context->get_executor())};
};

asio::awaitable<Blob> gives_way(asio::any_io_executor io, bool& in_each) {
  in_each = in_function();
  co_await asio::post(io, asio::use_awaitable);
  in_each = in_each && in_function();
  co_return Blob::copy_of("value");
}
asio::awaitable<Result<Blob>> returns(Result<Blob> result) { co_return result; }
asio::awaitable<Blob> throws() {
  throw Exception(Error(Errc::io_error, "out of luck"));
  co_return Blob();
}

TEMPLATE_TEST_CASE("coroutine start: a call ends once, with what the function came to, outside of it, and is gone", "",
                   DERIVA_EVERY_START) {
  {
    Starter<TestType> on;
    on.start(returns(Blob::copy_of("at once")));
    REQUIRE(on.seen.ended == "at once");
    REQUIRE_FALSE(on.seen.ended_in_function);
    REQUIRE(on.seen.gone);
  }
  {
    Starter<TestType> on;
    bool in_each = false;
    on.start(gives_way(on.any, in_each));
    REQUIRE(on.seen.ended == "value");
    REQUIRE(in_each);
    REQUIRE_FALSE(on.seen.ended_in_function);
    REQUIRE(on.seen.gone);
  }
  {
    Starter<TestType> on;
    on.start(returns(Error(Errc::not_found)));
    REQUIRE(on.seen.ended == "not_found");
  }
  {
    Starter<TestType> on;
    on.start(throws());
    REQUIRE(on.seen.ended == "io_error");
    REQUIRE_FALSE(on.seen.ended_in_function);
  }
}

/// Suspends for good, and keeps nothing that counts as work.
asio::awaitable<Blob> never_ends(asio::io_context& context, std::optional<std::function<void()>>& resume) {
  context.stop();
  co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
      [&]<class Handler>(Handler handler) {
        resume = [kept = std::make_shared<Handler>(std::move(handler))] { static_cast<void>(kept); };
      },
      asio::use_awaitable);
  co_return Blob();
}

TEMPLATE_TEST_CASE("coroutine start: the context has work as long as a function is suspended, whatever it waits for",
                   "", DERIVA_EVERY_START) {
  Starter<TestType> on;
  std::optional<std::function<void()>> kept;
  on.start(never_ends(*on.context, kept));
  on.context->restart();
  on.context->poll();
  REQUIRE_FALSE(on.context->stopped());
  REQUIRE_FALSE(on.seen.gone);
  kept.reset();
  on.context->run();  // What is dropped is unwound by the executor.
  REQUIRE(on.seen.gone);
  REQUIRE(on.seen.ended.empty());
}

asio::awaitable<Blob> stops(asio::io_context& context) {
  context.stop();
  co_await asio::post(context, asio::use_awaitable);
  co_return Blob();
}

TEMPLATE_TEST_CASE("coroutine start: what is suspended goes with the context, without an end", "", DERIVA_EVERY_START) {
  Starter<TestType> on;
  on.start(stops(*on.context));
  REQUIRE_FALSE(on.seen.gone);
  on.context.reset();
  REQUIRE(on.seen.gone);
  REQUIRE(on.seen.ended.empty());
}

}  // namespace
}  // namespace deriva::test
