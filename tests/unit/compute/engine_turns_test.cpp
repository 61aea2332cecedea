// Whose turn it is to work, with tasks that are run by hand: one of them, or a caller, works while another one waits.

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
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

/// A chain of functions that take next to nothing, which the engine knows.
struct TurnsFixture : ComputeFixture {
  explicit TurnsFixture(std::size_t concurrency, std::chrono::nanoseconds turn = {}) {
    registry.add({"short", "1"}, [this](std::span<const Blob> inputs, const Params&) {
      if (const std::function<void()> call = std::exchange(during, nullptr)) call();
      return inputs[0];
    });
    ExecutorOptions options;
    options.concurrency = concurrency;
    options.store_results = false;
    auto made = std::make_unique<HandScheduler>(turn);
    scheduler = made.get();
    engine = detail::Engine::make(std::move(made), *store, resolver(), options);
    start(chain("warm").back());
    while (!done.front()) REQUIRE(scheduler->run_next());
    while (scheduler->run_next()) continue;
  }
  TurnsFixture(const TurnsFixture&) = delete;
  TurnsFixture& operator=(const TurnsFixture&) = delete;
  ~TurnsFixture() { engine->shutdown(); }

  std::vector<Address> chain(const std::string& of) {
    constexpr std::size_t length = 2'000;
    std::vector<Recipe> recipes;
    std::vector<Address> addresses{leaf(of)};
    for (std::size_t i = 0; i < length; ++i) {
      recipes.push_back({{"short", "1"}, {addresses.back()}, {}});
      addresses.push_back(recipes.back().address());
    }
    store->put_recipes(recipes).value();
    return addresses;
  }
  std::atomic<bool>& start(const Address& address, MaterializeOptions options = {}) {
    std::atomic<bool>& is_done = done.emplace_back(false);
    test::start(*engine, address, is_done, std::move(options));
    return is_done;
  }
  /// Starts a thread that blocks in `materialize`; returns when it is about to wait, and has the mutex. Then it calls
  /// `meanwhile`. `asked`: how often it asks for who runs tasks until then.
  void block(
      const Address& address, int asked = 1, std::function<void()> meanwhile = [] {}) {
    std::atomic<bool> waits{false};
    scheduler->on_waiting = [&waits, asked, meanwhile = std::move(meanwhile)]() mutable {
      if (--asked != 0) return;
      waits = true;
      meanwhile();
    };
    caller = std::thread([this, address] {
      scheduler->watched = std::this_thread::get_id();
      value = engine->materialize(address, {});
    });
    while (!waits) std::this_thread::yield();
    scheduler->watched = std::thread::id();
  }
  /// The options of a request, for which this is called once, on the thread that ran the first batch of it, after the
  /// functions and before the others hear of them.
  MaterializeOptions after_first_batch(std::function<void()> call) {
    MaterializeOptions options;
    options.on_computed = [call = std::move(call), called = false](const auto&) mutable {
      if (!std::exchange(called, true)) call();
    };
    return options;
  }

  HandScheduler* scheduler = nullptr;
  std::shared_ptr<detail::Engine> engine;
  std::deque<std::atomic<bool>> done;
  std::function<void()> during;  ///< Called by the next function.
  std::thread caller;
  std::optional<Result<Blob>> value;
};

TEST_CASE("engine: a drain whose turn is over posts another one although a blocked caller takes over") {
  TurnsFixture f(1);
  const std::vector<Address> chain = f.chain("large");
  const std::atomic<bool>& large = f.start(chain.back(), f.after_first_batch([&] { f.block(chain.back()); }));
  while (!f.caller.joinable()) REQUIRE(f.scheduler->run_next());
  REQUIRE(f.scheduler->size() == 0);
  f.caller.join();
  REQUIRE(as_text(f.value->value()) == "large");
  REQUIRE(large);
}

TEST_CASE("engine: nobody goes on with the rest if the caller that was to take over has its value") {
  TurnsFixture f(1);
  const std::vector<Address> chain = f.chain("large");
  const std::atomic<bool>& large = f.start(chain.back(), f.after_first_batch([&] { f.block(chain[1]); }));
  while (!f.caller.joinable()) REQUIRE(f.scheduler->run_next());
  f.caller.join();
  REQUIRE(as_text(f.value->value()) == "large");
  while (!large) REQUIRE(f.scheduler->run_next());
}

TEST_CASE("engine: nobody is woken for what the caller is about to do itself") {
  TurnsFixture f(1);
  bool posted = false;
  f.scheduler->on_post = [&] { posted = true; };
  const Result<Blob> value = f.engine->materialize(f.chain("own").back(), {});
  REQUIRE(as_text(value.value()) == "own");
  REQUIRE_FALSE(posted);
}

TEST_CASE("engine: who looks whether others get on looks no more once the mutex was taken") {
  TurnsFixture f(2);
  const Address large = f.chain("large").back();
  const Address other = f.chain("other").back();
  std::atomic<bool> goes_on{false};
  std::size_t posted = 0;
  f.during = [&] {
    // The first time it is about to post who looks.
    f.block(other, 2, [&] {
      while (!goes_on) std::this_thread::yield();
    });
    posted = f.scheduler->size();
    for (std::size_t i = 0; i < posted; ++i) f.scheduler->run_next();
    posted = f.scheduler->size();
    goes_on = true;
  };
  const std::atomic<bool>& done = f.start(large);
  while (f.scheduler->run_next()) continue;
  f.caller.join();
  while (f.scheduler->run_next()) continue;
  REQUIRE(posted == 1);
  REQUIRE(as_text(f.value->value()) == "other");
  REQUIRE(done);
}

TEST_CASE("engine: who looks whether others get on keeps its thread when there is a task for it") {
  TurnsFixture f(2, std::chrono::hours(1));
  std::thread looking;
  f.during = [&] {
    f.start(f.chain("other").back());
    looking = std::thread([&] { f.scheduler->run_next(); });
  };
  f.start(f.chain("large").back());
  f.scheduler->run_next();
  f.start(f.chain("next").back());
  looking.join();
}

}  // namespace
}  // namespace deriva::test
