// A batch of functions gives way to a request that comes while it runs. Time passes in functions, by hand.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "compute/engine.hpp"
#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"
#include "unit/compute/hand_scheduler.hpp"

namespace deriva::test {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t large_count = 1'000;

/// An engine of one thread, which knows how long its functions take: those of a large request and of small ones.
struct GivesWayFixture : ComputeFixture {
  explicit GivesWayFixture(std::chrono::nanoseconds time) {
    for (const char* name : {"large", "small"}) {
      registry.add({name, "1"}, [this, time, name](std::span<const Blob>, const Params&) {
        order.emplace_back(name);
        scheduler->pass(time);
        if (during) during();
        return Blob();
      });
    }
    ExecutorOptions options;
    options.concurrency = 1;
    options.store_results = false;
    auto made = std::make_unique<HandScheduler>(0ns);
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

  HandScheduler* scheduler = nullptr;
  std::shared_ptr<detail::Engine> engine;
  std::deque<std::atomic<bool>> done;
  std::vector<std::string> order;
  std::function<void()> during;  ///< Called by each function.
};

TEST_CASE("engine: a request that comes while a batch runs does not wait for the rest of it") {
  const std::chrono::nanoseconds time = GENERATE(200ns, 500ns, 10us, 30us);
  CAPTURE(time.count());
  GivesWayFixture f(time);
  f.interrupt({100});
  f.finish(f.start(f.put("large", 100, large_count)));
  const auto small = std::find(f.order.begin() + 100, f.order.end(), "small");
  REQUIRE(small - (f.order.begin() + 100) <= 1);  // In turn: one of the large request first.
}

TEST_CASE("engine: what gave way runs once") {
  const std::chrono::nanoseconds time = GENERATE(200ns, 10us);
  GivesWayFixture f(time);
  f.interrupt({10, 100, 101, 400});
  Outcome outcome;
  MaterializeOptions large;
  large.outcome = &outcome;
  f.finish(f.start(f.put("large", 100, large_count), std::move(large)));
  REQUIRE(f.count("large") == large_count);
  REQUIRE(f.count("small") == 4);
  REQUIRE(outcome.computed == large_count + 1);
  REQUIRE(outcome.running == 0);
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
