#include <deriva/compute/sync_executor.hpp>

#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"

namespace deriva::test {
namespace {

namespace asio = boost::asio;

// What it has in common with Executor is tested there, for both.

TEST_CASE("sync executor: everything runs on the calling thread, one at a time") {
  ComputeFixture f;
  std::set<std::thread::id> threads;
  int now = 0;
  int most = 0;
  f.add("plain", [&](std::span<const Blob>, const Params&) {
    most = std::max(most, ++now);
    threads.insert(std::this_thread::get_id());
    --now;
    return Blob::copy_of("p");
  });
  f.add_async("coroutine", [&](std::vector<Blob>, Params, Context& context) -> asio::awaitable<Blob> {
    most = std::max(most, ++now);
    asio::steady_timer timer(context.get_executor(), std::chrono::microseconds(1));
    co_await timer.async_wait(asio::use_awaitable);
    threads.insert(std::this_thread::get_id());
    --now;
    co_return Blob::copy_of("c");
  });
  ExecutorOptions options;
  options.concurrency = 8;  // Has no meaning here.
  OnThisThread on(f, options);
  std::vector<Address> inputs;
  for (int i = 0; i < 10; ++i) inputs.push_back(f.numbered(i % 2 == 0 ? "plain" : "coroutine", i));
  REQUIRE(text_of(on.executor.materialize(f.recipe("concat", inputs))) == "pcpcpcpcpc");
  REQUIRE(threads == std::set<std::thread::id>{std::this_thread::get_id()});
  REQUIRE(most == 1);
}

}  // namespace
}  // namespace deriva::test
