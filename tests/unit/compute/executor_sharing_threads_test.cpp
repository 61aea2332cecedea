// Several executors on one store, each on threads of its own.

#include <atomic>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <latch>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include "compute/engine.hpp"
#include "store/store_impl.hpp"
#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"
#include "unit/compute/hand_scheduler.hpp"

namespace deriva::test {
namespace {

namespace asio = boost::asio;

TEST_CASE("sharing: an executor that is destroyed answers for what runs to its end") {
  ComputeFixture f;
  HoldUp hold_up;
  f.add("held", [&](std::span<const Blob>, const Params&) {
    hold_up.pass();
    return Blob::copy_of("h");
  });
  const Address target = f.recipe("held", {});
  auto one = std::make_unique<OnPool<2>>(f);
  OnPool<1> other(f);
  auto first = one->executor.async_materialize(target, {}, asio::use_future);
  hold_up.inside.wait();
  auto second = other.executor.async_materialize(target, {}, asio::use_future);
  std::thread destroys([&] { one.reset(); });
  REQUIRE(text_of(first.get()) == "!cancelled");
  hold_up.may_end.count_down();
  destroys.join();
  REQUIRE(text_of(second.get()) == "h");
  REQUIRE(f.runs("held") == 1);
}

TEST_CASE("sharing: what another executor has stored before it was destroyed is computed again") {
  ComputeFixture f;
  const Address target = f.numbered("concat", 1, {f.leaf("x")});
  auto made = std::make_unique<HandScheduler>(std::chrono::nanoseconds(0));
  HandScheduler& scheduler = *made;
  const auto engine = detail::Engine::make(std::move(made), *f.store, f.resolver(), ExecutorOptions());
  std::atomic<bool> is_done{false};
  start(*engine, target, is_done);
  REQUIRE(scheduler.run_next());  // It was explored.
  REQUIRE(text_of(OnThisThread(f).executor.materialize(target)) == "x");
  while (scheduler.run_next()) continue;
  REQUIRE(is_done);
  REQUIRE(f.runs("concat") == 1);
  engine->shutdown();
}

/// Whose `run_one` has nothing to run, while another thread does what it was given.
struct PassedBy final : HandScheduler {
  PassedBy() : HandScheduler(std::chrono::nanoseconds(0)) {}
  bool runs_here() const override { return true; }
  bool run_one() override {
    std::thread([this] {
      while (run_next()) continue;
    }).join();
    return false;
  }
};

TEST_CASE("engine: who blocks sleeps through what it was told while it left the mutex") {  // If so, for ever.
  ComputeFixture f;
  f.registry.add({"blocks", "1"}, [](std::span<const Blob>, const Params&) { return Blob::copy_of("b"); },
                 {.blocking = true});
  const auto engine = detail::Engine::make(std::make_unique<PassedBy>(), *f.store, f.resolver(), ExecutorOptions());
  REQUIRE(text_of(engine->materialize(f.recipe("blocks", {}), {})) == "b");
  engine->shutdown();
}

TEST_CASE("sharing: a thread that waits for a coroutine function does not go on with what came from elsewhere") {
  ComputeFixture f;
  HoldUp hold_up;
  std::latch suspended(1);
  f.add("held", [&](std::span<const Blob>, const Params&) {
    hold_up.pass();
    return Blob::copy_of("h");
  });
  asio::thread_pool other_pool(1);
  asio::steady_timer gate(other_pool, asio::steady_timer::time_point::max());
  f.add_async("gated", [&](std::vector<Blob>, Params, Context&) -> asio::awaitable<Blob> {
    suspended.count_down();
    boost::system::error_code woken;
    co_await gate.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    co_return Blob::copy_of("g");
  });
  f.add("opens", [&](std::span<const Blob> inputs, const Params&) {
    asio::post(other_pool, [&] { gate.cancel(); });
    return inputs[0];
  });
  const Address held = f.recipe("held", {});
  const Address target = f.recipe("concat", {f.recipe("gated", {}), f.recipe("opens", {held})});
  OnPool<1> one(f);
  auto first = one.executor.async_materialize(held, {}, asio::use_future);
  hold_up.inside.wait();
  OnThisThread waits(f);
  std::string seen;
  std::thread caller([&] { seen = text_of(waits.executor.materialize(target)); });
  suspended.wait();
  hold_up.may_end.count_down();
  caller.join();
  other_pool.join();  // It may still be about to leave the timer.
  REQUIRE(seen == "gh");
  REQUIRE(f.runs("held") == 1);
}

TEST_CASE("sharing: a function that began while its executor was alone is under way for ever") {
  ComputeFixture f;
  HoldUp hold_up;
  const bool fails = GENERATE(false, true);
  f.add("held", [&](std::span<const Blob>, const Params& params) -> Result<Blob> {
    if (params.empty()) return Blob();
    hold_up.pass();
    if (fails) return Error(Errc::io_error, "not today");
    return Blob::copy_of("h");
  });
  ExecutorOptions options;
  options.store_results = false;
  OnPool<1> one(f, options);
  REQUIRE(one.executor.materialize(f.recipe("held", {})).has_value());  // It is known to be short.
  auto first = one.executor.async_materialize(f.numbered("held", 1), {}, asio::use_future);
  hold_up.inside.wait();
  OnPool<1> other(f, options);
  const detail::FlightTable& flights = detail::StoreAccess::flights(*f.store);
  const std::size_t declared = flights.size();
  hold_up.may_end.count_down();
  REQUIRE(text_of(first.get()) == (fails ? "!function_failed" : "h"));
  REQUIRE(declared == 1);
  REQUIRE(flights.size() == 0);
}

TEST_CASE("sharing: executors that race for one graph run each of its functions once between them") {
  ComputeFixture f;
  constexpr std::int64_t width = 200;
  std::vector<Address> layer;
  for (std::int64_t i = 0; i < width; ++i) layer.push_back(f.numbered("concat", i, {f.leaf("x")}));
  for (std::int64_t depth = 1; depth < 5; ++depth) {
    std::vector<Recipe> recipes;
    for (std::int64_t i = 0; i < width; ++i) {
      const auto at = static_cast<std::size_t>(i);
      recipes.push_back({{"id", "1"}, {layer[at], layer[(at * 7 + 1) % width]}, {{"number", depth * width + i}}});
    }
    layer = f.store->put_recipes(recipes).value();
  }
  const Address target = f.recipe("concat", layer);
  f.add_async("wrapped",
              [](std::vector<Blob> inputs, Params, Context&) -> asio::awaitable<Blob> { co_return inputs.at(0); });
  const Address root = f.recipe("wrapped", {target});
  ExecutorOptions options;
  options.flush_results = GENERATE(1U, 100U);
  OnPool<2> one(f, options);
  OnPool<1> two(f, options);
  OnThisThread three(f, options);
  std::barrier together(4);
  std::atomic<int> wrong{0};
  const auto ask = [&](auto& on) {
    together.arrive_and_wait();
    wrong += text_of(on.executor.materialize(root)) == std::string(width, 'x') ? 0 : 1;
  };
  std::vector<std::thread> threads;
  threads.emplace_back([&] { ask(one); });
  threads.emplace_back([&] { ask(two); });
  threads.emplace_back([&] { ask(two); });
  threads.emplace_back([&] { ask(three); });
  for (std::thread& thread : threads) thread.join();
  REQUIRE(wrong == 0);
  REQUIRE(f.runs("concat") == width + 1);
  REQUIRE(f.runs("id") == width * 4);
  REQUIRE(f.runs("wrapped") == 1);
}

TEST_CASE("sharing: executors come and go while others compute, and every request gets its value") {
  ComputeFixture f;
  const Address leaf = f.leaf("v");
  std::vector<Recipe> recipes;
  for (std::int64_t i = 0; i < 400; ++i) recipes.push_back({{"concat", "1"}, {leaf}, {{"number", i}}});
  const std::vector<Address> targets = f.store->put_recipes(recipes).value();
  const Address root = f.recipe("concat", targets);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 3; ++thread) {
    threads.emplace_back([&, thread] {
      for (std::size_t i = 0; i < targets.size(); ++i) {
        if (thread == 0) {
          OnThisThread on(f);
          wrong += text_of(on.executor.materialize(targets[i])) == "v" ? 0 : 1;
        } else {
          OnPool<1> on(f);
          auto left = on.executor.async_materialize(root, {}, asio::use_future);
          wrong += text_of(on.executor.materialize(targets[targets.size() - 1 - i])) == "v" ? 0 : 1;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  REQUIRE(wrong == 0);
}

}  // namespace
}  // namespace deriva::test
