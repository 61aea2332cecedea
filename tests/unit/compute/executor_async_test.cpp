#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"

namespace deriva::test {
namespace {

namespace asio = boost::asio;

/// An I/O executor that runs only when the test runs it.
struct AsyncFixture : ComputeFixture {
  explicit AsyncFixture(const ExecutorOptions& options = {}) : executor(io.get_executor(), *store, registry, options) {}
  asio::io_context io{1};
  Executor<FunctionRegistry> executor;
};

/// An `io_context`'s executor that counts what was given to it, and how much of that as a continuation of what ran.
class CountingExecutor {
 public:
  struct Counts {
    int all = 0;
    int continuations = 0;
  };
  CountingExecutor(asio::io_context& io, Counts& counts) noexcept : io_(&io), counts_(&counts) {}

  template <class Task>
  void execute(Task task) const {
    ++counts_->all;
    counts_->continuations += is_continuation_ ? 1 : 0;
    asio::post(*io_, std::move(task));
  }
  [[nodiscard]] asio::execution_context& query(asio::execution::context_t) const noexcept { return *io_; }
  [[nodiscard]] static constexpr asio::execution::blocking_t query(asio::execution::blocking_t) noexcept {
    return asio::execution::blocking.never;
  }
  [[nodiscard]] CountingExecutor require(asio::execution::relationship_t::continuation_t) const noexcept {
    CountingExecutor copy = *this;
    copy.is_continuation_ = true;
    return copy;
  }
  friend bool operator==(const CountingExecutor& a, const CountingExecutor& b) noexcept = default;

 private:
  asio::io_context* io_;
  Counts* counts_;
  bool is_continuation_ = false;
};

TEST_CASE("async_materialize: a callback runs on the I/O executor, never inside the call, also for a hit") {
  AsyncFixture f;
  const Address target = f.recipe("id", {f.leaf("a")});
  for (const Address& address : {f.leaf("a"), target, target}) {
    std::string seen;
    f.executor.async_materialize(address, {}, [&](const Result<Blob>& value) {
      seen = text_of(value);
      REQUIRE(f.io.get_executor().running_in_this_thread());
    });
    REQUIRE(seen.empty());
    f.io.restart();
    f.io.run();
    REQUIRE(seen == "a");
  }
  REQUIRE(f.runs() == 1);
}

TEST_CASE("async_materialize: an error that is found at once does not complete inside the call either") {
  AsyncFixture f;
  MaterializeOptions bad;
  bad.verify = Verify::sampled(2);
  std::string seen;
  f.executor.async_materialize(f.leaf("a"), bad, [&](const Result<Blob>& value) { seen = text_of(value); });
  REQUIRE(seen.empty());
  f.io.run();
  REQUIRE(seen == "!invalid_argument");
}

TEST_CASE("async_materialize: use_future") {
  ComputeFixture f;
  OnPool<2> on(f);
  auto value = on.executor.async_materialize(f.recipe("id", {f.leaf("a")}), {}, asio::use_future);
  auto missing = on.executor.async_materialize(Address(), {}, asio::use_future);
  REQUIRE(text_of(value.get()) == "a");
  REQUIRE(text_of(missing.get()) == "!not_found");
}

asio::awaitable<std::string> ask(Executor<FunctionRegistry>& executor, Address first, Address second) {
  const Result<Blob> one = co_await executor.async_materialize(first, {}, asio::use_awaitable);
  const Result<Blob> two = co_await executor.async_materialize(second, {}, asio::use_awaitable);
  co_return text_of(one) + text_of(two);
}

TEST_CASE("async_materialize: use_awaitable") {
  AsyncFixture f;
  const Address a = f.recipe("id", {f.leaf("a")});
  auto both = asio::co_spawn(f.io, ask(f.executor, a, f.recipe("concat", {a, a})), asio::use_future);
  f.io.run();
  REQUIRE(both.get() == "aaa");
}

TEST_CASE("async_materialize: a deferred operation starts when it is called") {
  AsyncFixture f;
  const Address target = f.recipe("id", {f.leaf("a")});
  auto operation = f.executor.async_materialize(target, {}, asio::deferred);
  f.io.run();
  f.io.restart();
  REQUIRE(f.runs() == 0);
  std::string seen;
  std::move(operation)([&](const Result<Blob>& value) { seen = text_of(value); });
  f.io.run();
  REQUIRE(seen == "a");
}

TEST_CASE("async_materialize: the handler runs on its own executor") {
  AsyncFixture f;
  asio::io_context other;
  std::string seen;
  auto handler = asio::bind_executor(other, [&](const Result<Blob>& value) {
    seen = text_of(value);
    REQUIRE(other.get_executor().running_in_this_thread());
  });
  f.executor.async_materialize(f.recipe("id", {f.leaf("a")}), {}, handler);
  f.io.run();
  REQUIRE(seen.empty());
  other.run();  // There was work here all the time.
  REQUIRE(seen == "a");
}

TEST_CASE("async_materialize: a strand keeps handlers apart") {
  ComputeFixture f;
  OnPool<4> on(f);
  auto strand = asio::make_strand(on.pool.get_executor());
  int count = 0;  // Not atomic.
  std::promise<void> all;
  for (int i = 0; i < 200; ++i) {
    on.executor.async_materialize(f.numbered("concat", i), {}, asio::bind_executor(strand, [&](const Result<Blob>&) {
                                    if (++count == 200) all.set_value();
                                  }));
  }
  all.get_future().get();
  REQUIRE(count == 200);
}

TEST_CASE("async_materialize: the I/O executor has work as long as a request pends") {
  ExecutorOptions options;
  options.concurrency = 1;
  AsyncFixture f(options);
  asio::io_context other;
  std::promise<void> inside;
  std::promise<void> go_on;
  f.add("waits", [&](std::span<const Blob>, const Params&) {
    inside.set_value();
    go_on.get_future().get();
    return Blob::copy_of("w");
  });
  const Address waits = f.recipe("waits", {});
  std::thread helper([&] { static_cast<void>(f.executor.materialize(waits)); });  // Has the only slot.
  inside.get_future().get();
  std::string seen;
  f.executor.async_materialize(waits, {},
                               asio::bind_executor(other, [&](const Result<Blob>& value) { seen = text_of(value); }));
  f.io.poll();
  REQUIRE_FALSE(f.io.stopped());
  go_on.set_value();
  f.io.run();
  helper.join();
  other.run();
  REQUIRE(seen == "w");
  REQUIRE(f.runs() == 1);
}

/// Waits until it is opened, for nothing that counts as work of an I/O executor.
class Gate {
 public:
  asio::awaitable<Blob> wait() {
    co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
        [this]<class Handler>(Handler handler) {
          open_ = [kept = std::make_shared<Handler>(std::move(handler))] { asio::post(std::move(*kept)); };
        },
        asio::use_awaitable);
    co_return Blob::copy_of("w");
  }
  [[nodiscard]] bool is_awaited() const noexcept { return open_ != nullptr; }
  void open() { std::exchange(open_, nullptr)(); }

 private:
  std::function<void()> open_;
};

TEST_CASE("executor: the I/O executor lacks work while a coroutine function is suspended, or has some after it") {
  AsyncFixture f;
  Gate first;
  Gate second;
  f.add_async("first", [&](const std::vector<Blob>&, const Params&, Context&) { return first.wait(); });
  f.add_async("second", [&](const std::vector<Blob>&, const Params&, Context&) { return second.wait(); });
  std::vector<std::future<std::string>> values;  // Of threads that block: what awaits a request is work, too.
  for (const Address& address : {f.recipe("first", {}), f.recipe("second", {})}) {
    values.push_back(
        std::async(std::launch::async, [&f, address] { return text_of(f.executor.materialize(address)); }));
  }
  while (!first.is_awaited() || !second.is_awaited()) {
    f.io.restart();
    f.io.run_one();
  }
  f.io.poll();
  CHECK_FALSE(f.io.stopped());
  first.open();
  f.io.poll();
  CHECK_FALSE(f.io.stopped());
  second.open();
  f.io.restart();
  f.io.run();
  for (std::future<std::string>& value : values) REQUIRE(value.get() == "w");
}

/// A chain of functions that each take longer than a worker keeps its thread, and return one "s" more.
Address slow_chain(ComputeFixture& f, int length) {
  f.add("slow", [](std::span<const Blob> inputs, const Params&) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(2);
    while (std::chrono::steady_clock::now() < end) {
    }
    return Blob::adopt((inputs.empty() ? "" : std::string(as_text(inputs[0].view()))) + "s");
  });
  Address end = f.recipe("slow", {});
  for (int i = 1; i < length; ++i) end = f.recipe("slow", {end});
  return end;
}

TEST_CASE("async_materialize: the host's own handlers get their turn beside a large request") {
  constexpr int functions = 10;
  ExecutorOptions options;
  options.concurrency = 1;
  AsyncFixture f(options);
  const Address end = slow_chain(f, functions);
  bool done = false;
  f.executor.async_materialize(end, {}, [&](const Result<Blob>& value) { done = value.has_value(); });
  int turns = 0;
  std::function<void()> host = [&] {
    ++turns;
    if (!done) asio::post(f.io, host);
  };
  asio::post(f.io, host);
  f.io.run();
  REQUIRE(done);
  REQUIRE(turns >= functions);
}

TEST_CASE("async_materialize: a request that goes on after its turn wakes no other thread for that") {
  constexpr int functions = 5;
  ComputeFixture f;
  asio::io_context io(1);
  CountingExecutor::Counts counts;
  ExecutorOptions options;
  options.concurrency = 1;
  Executor<FunctionRegistry> executor(CountingExecutor(io, counts), *f.store, f.registry, options);
  const Address end = slow_chain(f, functions);
  std::string seen;
  executor.async_materialize(end, {}, [&](const Result<Blob>& value) { seen = text_of(value); });
  io.run();
  REQUIRE(seen == "sssss");
  REQUIRE(counts.continuations >= functions - 1);
  REQUIRE(counts.all > counts.continuations);
}

}  // namespace
}  // namespace deriva::test
