// An engine that is shut down in the middle of a step.

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

#include "compute/engine.hpp"
#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"
#include "unit/compute/hand_scheduler.hpp"

namespace deriva::test {
namespace {

/// One thread asks a function to stop, of which the host is told without the mutex. Meanwhile another one makes the
/// next function ready, and a third one shuts down.
TEST_CASE("engine: shut down in the middle of a step, it begins one more function in that step") {
  ComputeFixture f;
  HoldUp slow;
  std::thread works;
  std::thread ends;
  std::promise<void> stopping;
  std::once_flag first;
  std::optional<std::stop_callback<std::function<void()>>> asked;
  auto made = std::make_unique<HandScheduler>(std::chrono::nanoseconds(0));
  HandScheduler* const scheduler = made.get();
  scheduler->on_disarm = [&] { std::call_once(first, [&] { stopping.set_value(); }); };
  ExecutorOptions options;
  options.concurrency = 4;
  options.store_results = false;
  const auto engine = detail::Engine::make(std::move(made), *f.store, f.resolver(), options);
  const auto meanwhile = [&] {
    slow.may_end.count_down();
    works.join();
    ends = std::thread([&] { engine->shutdown(); });
    stopping.get_future().wait();
  };
  f.add("slow", [&](std::span<const Blob>, const Params&) { return slow.pass(), Blob(); });
  f.add("next", [](std::span<const Blob>, const Params&) { return Blob(); });
  f.add("fails", [](std::span<const Blob>, const Params&) { return Error(Errc::function_failed, "on purpose"); });
  const auto asked_to_stop = [&](std::span<const Blob>, const Params&, Context& context) {
    asked.emplace(context.stop_token(), meanwhile);
    while (!context.stop_token().stop_requested()) REQUIRE(scheduler->run_next());
    return Blob();
  };
  f.registry.add({"asked to stop", "1"}, asked_to_stop);
  std::atomic<bool> done = false;
  start(*engine, f.recipe("id", {f.recipe("next", {f.recipe("slow", {})})}), done);
  works = std::thread([&] {
    while (!slow.inside.try_wait() && scheduler->run_next()) continue;  // Until it has passed, and a step is over.
  });
  slow.inside.wait();
  start(*engine, f.recipe("concat", {f.recipe("asked to stop", {}), f.recipe("fails", {})}), done);
  while (scheduler->run_next()) continue;
  ends.join();
  REQUIRE(f.runs("slow") == 1);
  REQUIRE(f.runs("fails") == 1);
  REQUIRE(f.runs("next") == 0);
}

}  // namespace
}  // namespace deriva::test
