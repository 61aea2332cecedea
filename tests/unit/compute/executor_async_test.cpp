#include <future>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
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

TEST_CASE("async_materialize: the host's own handlers get their turn beside a large request") {
  AsyncFixture f;
  Address end = f.leaf("x");
  std::vector<Recipe> chain;
  for (std::int64_t i = 0; i < 20'000; ++i) {
    chain.push_back({{"concat", "1"}, {end}, {{"number", i}}});
    end = chain.back().address();
  }
  REQUIRE(f.store->put_recipes(chain).has_value());
  bool done = false;
  int turns = 0;
  f.executor.async_materialize(end, {}, [&](const Result<Blob>&) { done = true; });
  while (!done) {
    if (f.io.run_one() == 0) break;
    ++turns;
  }
  REQUIRE(done);
  REQUIRE(turns > 10);
}

}  // namespace
}  // namespace deriva::test
