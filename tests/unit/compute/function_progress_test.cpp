#include "compute/function_progress.hpp"

#include <chrono>
#include <latch>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"

namespace deriva::test {
namespace {

namespace asio = boost::asio;
using detail::ExecutionProgress;
using detail::RequestProgress;
using detail::RunProgress;

#define DERIVA_EVERY_EXECUTOR OnPool<1>, OnPool<3>, OnThisThread

/// Tells everything at once, and keeps it.
struct Told {
  MaterializeOptions options() {
    MaterializeOptions options;
    options.progress_interval = std::chrono::milliseconds(0);
    options.progress = [this](const Progress& progress) { seen.push_back(progress); };
    return options;
  }
  std::vector<Progress> seen;  // By one at a time.
};

/// What is done, in functions, was never less than before.
bool only_grows(const std::vector<Progress>& seen) {
  double before = 0;
  for (const Progress& progress : seen) {
    const double now = static_cast<double>(progress.computed) + progress.running;
    if (now < before || progress.fraction() > 1) return false;
    before = now;
  }
  return true;
}

/// Of a request that never tells anybody.
std::shared_ptr<RequestProgress> untold() {
  return std::make_shared<RequestProgress>(detail::RequestId{1}, std::chrono::hours(1));
}
std::shared_ptr<RunProgress> run_of(const std::shared_ptr<RequestProgress>& request, std::uint32_t executions = 1) {
  return std::make_shared<RunProgress>(std::weak_ptr<detail::Engine>(), request, executions);
}

TEST_CASE("function progress: bad values, and less than before, change nothing; more than 1 is 1") {
  const auto request = untold();
  const auto run = run_of(request);
  ExecutionProgress said(*run);
  for (const double nothing :
       {-1.0, 0.0, std::numeric_limits<double>::quiet_NaN(), -std::numeric_limits<double>::infinity()}) {
    said.report(nothing);
    REQUIRE(request->sum() == 0);
  }
  said.report(0.5);
  said.report(0.25);
  REQUIRE(request->sum() == 0.5);
  said.report(std::numeric_limits<double>::infinity());
  REQUIRE(request->sum() == 1);
}

TEST_CASE("function progress: what functions say is added up, and goes with them") {
  const auto request = untold();
  const auto run = run_of(request);
  const auto other = run_of(request);
  ExecutionProgress(*run).report(0.5);
  ExecutionProgress said(*other);
  said.report(0.25);
  REQUIRE(request->sum() == 0.75);
  other->close();
  other->close();  // It was abandoned first, and ended later.
  said.report(0.5);
  REQUIRE(request->sum() == 0.5);
}

TEST_CASE("function progress: all executions of a run are the whole together") {
  const auto request = untold();
  const auto run = run_of(request, 3);
  for (int execution = 1; execution <= 3; ++execution) {
    ExecutionProgress said(*run);
    said.report(0.5);
    said.report(1);
    REQUIRE(request->sum() == Approx(execution / 3.0).margin(0.001));
    REQUIRE(request->sum() <= 1);
  }
}

TEST_CASE("function progress: threads that speak at the same time lose nothing") {
  const auto request = untold();
  const auto run = run_of(request);
  ExecutionProgress said(*run);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&said] {
      for (int i = 1; i <= 1'000; ++i) said.report(i / 1'000.0);
    });
  }
  for (std::thread& thread : threads) thread.join();
  REQUIRE(request->sum() == 1);
}

TEMPLATE_TEST_CASE("context: the host learns how far a function is, whatever kind it is of", "",
                   DERIVA_EVERY_EXECUTOR) {
  ComputeFixture f;
  f.registry.add({"plain", "1"}, [](std::span<const Blob>, const Params&, Context& context) {
    context.progress(0.25);
    context.progress(3, 4);
    context.progress(1, 0);
    return Blob::copy_of("v");
  });
  f.registry.add({"blocking", "1"},
                 [](std::span<const Blob>, const Params&, Context& context) {
                   context.progress(1, 4);
                   context.progress(0.75);
                   return Blob::copy_of("v");
                 },
                 {.blocking = true});
  f.add_async("coroutine", [](std::vector<Blob>, Params, Context& context) -> asio::awaitable<Blob> {
    context.progress(0.25);
    co_await asio::post(context.get_executor(), asio::use_awaitable);
    context.progress(0.75);
    co_return Blob::copy_of("v");
  });
  TestType on(f);
  const std::string kind = GENERATE("plain", "blocking", "coroutine");
  const Address target = f.recipe("id", {f.recipe(kind, {})});
  Told told;
  REQUIRE(text_of(on.executor.materialize(target, told.options())) == "v");
  std::string steps;
  for (const Progress& progress : told.seen) steps += std::to_string(progress.fraction()).substr(0, 5) + " ";
  CAPTURE(steps);
  REQUIRE(steps.find("0.125 0.375 0.500 ") != std::string::npos);  // Of two functions.
  REQUIRE(told.seen.back().fraction() == 1);
  REQUIRE(told.seen.back().running == 0);
}

TEMPLATE_TEST_CASE("context: progress never goes back while a function is verified", "", DERIVA_EVERY_EXECUTOR) {
  ComputeFixture f;
  const auto plain = [](std::span<const Blob>, const Params&, Context& context) {
    for (std::uint64_t i = 1; i <= 10; ++i) context.progress(i, 10);
    return Blob::copy_of("v");
  };
  f.registry.add({"plain", "1"}, plain);
  f.registry.add({"blocking", "1"}, plain, {.blocking = true});
  f.add_async("coroutine", [](std::vector<Blob>, Params, Context& context) -> asio::awaitable<Blob> {
    for (std::uint64_t i = 1; i <= 10; ++i) context.progress(i, 10);
    co_return Blob::copy_of("v");
  });
  TestType on(f);
  const std::string kind = GENERATE("plain", "blocking", "coroutine");
  Told told;
  MaterializeOptions options = told.options();
  options.verify = Verify::times(3);
  REQUIRE(text_of(on.executor.materialize(f.recipe("id", {f.recipe(kind, {})}), options)) == "v");
  REQUIRE(told.seen.size() >= 10);
  REQUIRE(only_grows(told.seen));
  REQUIRE(told.seen.back().computed == 2);
}

TEMPLATE_TEST_CASE("context: functions that say much are told once an interval", "", DERIVA_EVERY_EXECUTOR) {
  ComputeFixture f;
  f.registry.add({"talks", "1"}, [](std::span<const Blob>, const Params&, Context& context) {
    for (std::uint64_t i = 1; i <= 1'000; ++i) context.progress(i, 1'000);
    return Blob::copy_of("v");
  });
  TestType on(f);
  Told told;
  MaterializeOptions options = told.options();
  options.progress_interval = std::chrono::hours(1);
  REQUIRE(text_of(on.executor.materialize(f.recipe("talks", {}), options)) == "v");
  REQUIRE(told.seen.size() == 1);
}

TEST_CASE("context: what a function says that nobody waits for any more reaches nobody") {
  ComputeFixture f;
  std::latch spoke(1);
  f.registry.add_async({"expires", "1"},
                       [&](std::vector<Blob>, Params, Context& context) -> asio::awaitable<Blob> {
                         context.progress(0.5);
                         asio::steady_timer timer(context.get_executor());
                         while (!context.stop_token().stop_requested()) {
                           timer.expires_after(std::chrono::milliseconds(1));
                           co_await timer.async_wait(asio::use_awaitable);
                         }
                         context.progress(0.75);
                         spoke.count_down();
                         co_return Blob();
                       },
                       {.timeout = std::chrono::milliseconds(1)});
  f.registry.add({"later", "1"}, [&](std::span<const Blob>, const Params&, Context& context) {
    spoke.wait();
    context.progress(0.25);
    return Blob::copy_of("v");
  });
  OnPool<2> on(f);
  Told told;
  MaterializeOptions options = told.options();
  options.on_failure = FailurePolicy::keep_going;
  const Address target = f.recipe("concat", {f.recipe("later", {}), f.recipe("expires", {})});
  REQUIRE(text_of(on.executor.materialize(target, options)) == "!deadline_exceeded");
  bool told_later = false;
  for (const Progress& progress : told.seen) {
    told_later = told_later || progress.running == 0.25;
    REQUIRE((progress.running == 0 || progress.running == 0.5 || progress.running == 0.25));
  }
  REQUIRE(told_later);
}

TEST_CASE("context: without anybody to tell, progress is nothing") {
  Context context({}, Address(), {});
  context.progress(0.5);
  context.progress(1, 2);
}

}  // namespace
}  // namespace deriva::test
