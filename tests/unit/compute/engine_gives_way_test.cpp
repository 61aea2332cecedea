// A batch of functions gives way to a request that comes while it runs, or goes. Time passes in functions, by hand.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "compute/engine.hpp"
#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"
#include "unit/compute/hand_scheduler.hpp"

namespace deriva::test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::int64_t large_count = 1'000;

/// Has a timer that fires by hand.
struct TimedScheduler final : HandScheduler {
  using HandScheduler::HandScheduler;
  void arm(Clock::time_point when, std::function<void()> task) override {
    armed_for = when;
    timer = std::move(task);
  }
  void disarm() override {
    timer = nullptr;
    HandScheduler::disarm();
  }
  void fire_if_due() {
    if (timer && armed_for <= now()) std::exchange(timer, nullptr)();
  }

  Clock::time_point armed_for{};
  std::function<void()> timer;
};

/// What the functions are beside a call, if anything.
enum class Kind : std::uint8_t { plain, with_context, verified };

/// An engine of one thread, which knows how long its functions take: those of a large request and of small ones.
struct GivesWayFixture : ComputeFixture {
  explicit GivesWayFixture(std::chrono::nanoseconds time, Kind kind = Kind::plain, FunctionOptions limits = {}) {
    for (const char* name : {"large", "small"}) {
      const auto called = [this, time, name] {
        order.emplace_back(name);
        scheduler->pass(time);
        if (during) during();
        return Blob();
      };
      if (kind == Kind::with_context) {
        const auto function = [this, called](std::span<const Blob>, const Params&, Context& context) {
          were_stopped += context.stop_token().stop_requested() ? 1 : 0;
          stop = context.stop_token();
          return called();
        };
        registry.add({name, "1"}, function, limits);
      } else {
        registry.add({name, "1"}, [called](std::span<const Blob>, const Params&) { return called(); });
      }
    }
    ExecutorOptions options;
    options.concurrency = options.blocking_concurrency = 1;
    options.store_results = false;
    options.verify = kind == Kind::verified ? Verify::always() : Verify::off();
    calls_of_each = kind == Kind::verified ? 2 : 1;
    auto made = std::make_unique<TimedScheduler>(0ns);
    scheduler = made.get();
    engine = detail::Engine::make(std::move(made), *store, resolver(), options);
    for (const char* name : {"large", "small"}) finish(start(put(name, 0, 64)));
    order.clear();
  }
  GivesWayFixture(const GivesWayFixture&) = delete;
  GivesWayFixture& operator=(const GivesWayFixture&) = delete;
  ~GivesWayFixture() { engine->shutdown(); }

  /// A recipe of "concat" above so many of a function.
  Address put(const std::string& name, std::int64_t first, std::int64_t count) {
    std::vector<Recipe> recipes;
    std::vector<Address> inputs;
    for (std::int64_t i = first; i < first + count; ++i) {
      recipes.push_back({{name, "1"}, {}, {{"number", i}}});
      inputs.push_back(recipes.back().address());
    }
    store->put_recipes(recipes).value();
    return recipe("concat", inputs);
  }
  std::atomic<bool>& start(const Address& address, MaterializeOptions options = {}) {
    std::atomic<bool>& is_done = done.emplace_back(false);
    test::start(*engine, address, is_done, std::move(options));
    return is_done;
  }
  void finish(const std::atomic<bool>& is_done) {
    while (!is_done) REQUIRE(scheduler->run_next());
  }
  /// Small requests come while these functions of the large one run, of which so many ran before.
  void interrupt(const std::vector<std::size_t>& at) {
    std::vector<Address> small;
    for (std::size_t i = 0; i < at.size(); ++i) small.push_back(numbered("small", 1'000 + static_cast<int>(i)));
    during = [this, at, small, next = std::size_t{0}]() mutable {
      if (next < at.size() && order.size() == at[next]) start(small[next++]);
    };
  }
  auto count(const std::string& name) const { return std::count(order.begin(), order.end(), name); }

  TimedScheduler* scheduler = nullptr;
  std::shared_ptr<detail::Engine> engine;
  std::deque<std::atomic<bool>> done;
  std::vector<std::string> order;
  std::ptrdiff_t calls_of_each = 1;
  std::stop_token stop;          ///< Of the last one.
  int were_stopped = 0;          ///< Functions that had been asked to stop when they were called.
  std::function<void()> during;  ///< Called by each function.
};

TEST_CASE("engine: a request that comes while a batch runs does not wait for the rest of it") {
  const Kind kind = GENERATE(Kind::plain, Kind::with_context, Kind::verified);
  const std::chrono::nanoseconds time = GENERATE(200ns, 500ns, 10us, 30us);
  CAPTURE(static_cast<int>(kind), time.count());
  GivesWayFixture f(time, kind);
  f.interrupt({100});
  f.finish(f.start(f.put("large", 100, large_count)));
  const auto small = std::find(f.order.begin() + 100, f.order.end(), "small");
  REQUIRE(small - (f.order.begin() + 100) < 2 * f.calls_of_each);  // In turn: one of the large request first.
}

TEST_CASE("engine: what gave way runs once") {
  const Kind kind = GENERATE(Kind::plain, Kind::with_context, Kind::verified);
  const std::chrono::nanoseconds time = GENERATE(200ns, 10us);
  GivesWayFixture f(time, kind);
  f.interrupt({10, 100, 101, 400});
  Outcome outcome;
  MaterializeOptions large;
  large.outcome = &outcome;
  f.finish(f.start(f.put("large", 100, large_count), std::move(large)));
  REQUIRE(f.count("large") == large_count * f.calls_of_each);
  REQUIRE(f.count("small") == 4 * f.calls_of_each);
  REQUIRE(outcome.computed == large_count + 1);
  REQUIRE(outcome.running == 0);
}

TEST_CASE("engine: of what was given up while a batch runs, nothing begins any more") {
  const Kind kind = GENERATE(Kind::plain, Kind::with_context, Kind::verified);
  GivesWayFixture f(10us, kind);
  const detail::RequestId id = f.engine->next_request();
  std::atomic<bool> is_done = false;
  f.engine->start(id, f.put("large", 100, large_count), {}, detail::Completion<Blob>::Ptr(new Noted(is_done)));
  f.during = [&] {
    if (f.order.size() == 100) f.engine->cancel(id);
  };
  while (f.scheduler->run_next()) continue;
  REQUIRE(f.order.size() < 100 + static_cast<std::size_t>(f.calls_of_each));  // Executions of one go together.
  REQUIRE(f.were_stopped == 0);
  f.during = nullptr;
  f.finish(f.start(f.put("large", 100, large_count)));  // What ran is in the cache.
  REQUIRE(f.count("large") == large_count * f.calls_of_each);
}

TEST_CASE("engine: a function that gave way can be asked to stop when it runs") {
  GivesWayFixture f(10us, Kind::with_context);
  const detail::RequestId id = f.engine->next_request();
  std::atomic<bool> is_done = false;
  f.engine->start(id, f.put("large", 100, large_count), {}, detail::Completion<Blob>::Ptr(new Noted(is_done)));
  const Address small = f.numbered("small", 1'000);
  constexpr std::size_t last = large_count - 5;  // Of those that gave way: they come behind the others.
  f.during = [&] {
    if (f.order.size() == 105) f.start(small);
    if (f.order.size() == last) f.engine->cancel(id);
  };
  while (f.order.size() < last) REQUIRE(f.scheduler->run_next());
  REQUIRE(f.order.back() == "large");
  REQUIRE(f.stop.stop_requested());
}

TEST_CASE("engine: functions that go their own way run once, though their batches give way") {
  GivesWayFixture f(10us);
  int apart = 0;
  const auto function = [&](std::span<const Blob>, const Params&) { return ++apart, Blob(); };
  f.registry.add({"apart", "1"}, function, {.blocking = true});
  std::vector<Address> inputs;  // Those that run apart come last: nobody knows how long they take.
  for (int i = 0; i < 200; ++i) inputs.push_back(f.numbered(i % 2 == 0 ? "apart" : "large", 1'000 + i));
  f.interrupt({84, 88, 90, 92, 94, 96, 98, 99});
  f.finish(f.start(f.recipe("concat", inputs)));
  REQUIRE(apart == 100);
  REQUIRE(f.count("large") == 100);
}

TEST_CASE("engine: shutting down waits for the function that runs, and not for the rest of its batch") {
  std::promise<void> stopping;
  std::once_flag first;
  GivesWayFixture f(10us);
  f.scheduler->on_disarm = [&] { std::call_once(first, [&] { stopping.set_value(); }); };
  std::thread ends;
  f.during = [&] {
    if (f.order.size() != 105) return;
    ends = std::thread([&] { f.engine->shutdown(); });
    stopping.get_future().wait();
  };
  const std::atomic<bool>& is_done = f.start(f.put("large", 100, large_count));
  while (f.scheduler->run_next()) continue;
  ends.join();
  REQUIRE_FALSE(is_done);
  REQUIRE(f.order.size() == 105);
}

TEST_CASE("engine: a function's own time begins when it is called, not when its batch is taken") {
  GivesWayFixture f(30us, Kind::with_context, {.timeout = 100us});
  f.during = [&] { f.scheduler->fire_if_due(); };
  f.finish(f.start(f.put("large", 100, large_count)));
  REQUIRE(f.were_stopped == 0);
}

TEST_CASE("engine: functions are not believed to take less because others of their batch gave way") {
  constexpr std::chrono::nanoseconds time = 500ns;
  GivesWayFixture f(time);
  f.interrupt({50, 100, 150, 200, 250, 300, 350, 400, 450, 500});
  MaterializeOptions options;
  std::chrono::nanoseconds least = 1h;
  options.on_computed = [&](const Computed& computed) {
    if (computed.function.name == "large") least = std::min(least, computed.compute_time);
  };
  f.finish(f.start(f.put("large", 100, large_count), std::move(options)));
  REQUIRE(least >= time);
}

}  // namespace
}  // namespace deriva::test
