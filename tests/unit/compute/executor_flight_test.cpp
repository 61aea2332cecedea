#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <future>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include "support/catch.hpp"
#include "support/from_environment.hpp"
#include "unit/compute/compute_fixture.hpp"

namespace deriva::test {
namespace {

/// Runs `body(i)` on `count` threads that start together.
template <class Body>
void on_threads(int count, Body body) {
  std::barrier together(count);
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([&, i] {
      together.arrive_and_wait();
      body(i);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_CASE("executor: independent branches run at the same time") {
  ComputeFixture f;
  std::latch all_inside(3);
  f.add("meets", [&](std::span<const Blob>, const Params&) {
    all_inside.arrive_and_wait();  // For ever, if they run one after the other.
    return Blob::copy_of("m");
  });
  ExecutorOptions options;
  options.concurrency = 3;
  OnPool<2> on(f, options);  // The third is the caller.
  std::vector<Address> inputs;
  for (int i = 0; i < 3; ++i) inputs.push_back(f.numbered("meets", i));
  REQUIRE(text_of(on.executor.materialize(f.recipe("concat", inputs))) == "mmm");
}

TEST_CASE("executor: no more plain functions run at the same time than allowed") {
  ComputeFixture f;
  std::atomic<int> now{0};
  std::atomic<int> most{0};
  f.add("counted", [&](std::span<const Blob>, const Params&) {
    const int running = ++now;
    for (int seen = most; seen < running && !most.compare_exchange_weak(seen, running);) {
    }
    std::this_thread::yield();
    --now;
    return Blob::copy_of("x");
  });
  ExecutorOptions options;
  options.concurrency = GENERATE(1U, 2U, 4U);
  OnPool<6> on(f, options);
  std::vector<Address> roots;
  for (int i = 0; i < 4; ++i) {
    std::vector<Address> inputs;
    for (int j = 0; j < 50; ++j) inputs.push_back(f.numbered("counted", i * 40 + j));  // Ten are shared.
    roots.push_back(f.recipe("concat", inputs));
  }
  on_threads(4, [&](int i) {
    if (on.executor.materialize(roots[static_cast<std::size_t>(i)]).value().size() != 50) most = 1'000;
  });
  REQUIRE(most <= static_cast<int>(options.concurrency));
  REQUIRE(f.runs("counted") == 170);
}

TEST_CASE("executor: a thousand requests for one address run its function once") {
  ComputeFixture f;
  OnPool<2> on(f);
  const Address target = f.recipe("concat", {f.recipe("id", {f.leaf("a")}), f.leaf("b")});
  std::atomic<int> wrong{0};
  on_threads(20, [&](int) {
    for (int i = 0; i < 50; ++i) wrong += text_of(on.executor.materialize(target)) == "ab" ? 0 : 1;
  });
  REQUIRE(wrong == 0);
  REQUIRE(f.runs("concat") == 1);
  REQUIRE(f.runs("id") == 1);
}

/// ./dev fuzz flights. DERIVA_FLIGHT_ROUNDS: how many.
TEST_CASE("executor: racing requests never run a function twice, and nobody gets another's end as an error",
          "[flights]") {
  const auto rounds = static_cast<int>(from_environment("DERIVA_FLIGHT_ROUNDS", 1'000));
  REQUIRE(rounds > 0);
  constexpr int racers = 16;
  ComputeFixture f;
  ExecutorOptions options;
  options.cache_bytes = GENERATE(std::size_t{0}, std::size_t{1} << 20U);
  OnPool<2> on(f, options);
  std::vector<Recipe> recipes;
  const Address leaf = f.leaf("v");
  for (std::int64_t i = 0; i < rounds; ++i) recipes.push_back({{"concat", "1"}, {leaf}, {{"number", i}}});
  const std::vector<Address> targets = f.store->put_recipes(recipes).value();
  std::atomic<int> wrong{0};
  std::barrier round(racers);
  on_threads(racers, [&](int) {
    for (const Address& target : targets) {
      round.arrive_and_wait();
      wrong += text_of(on.executor.materialize(target)) == "v" ? 0 : 1;
    }
  });
  REQUIRE(wrong == 0);
  REQUIRE(f.runs("concat") == rounds);
}

TEST_CASE("executor: requests for different parts of one graph share what they have in common") {
  ComputeFixture f;
  OnPool<2> on(f);
  constexpr int width = 30;
  std::vector<std::vector<Address>> layers(1);
  for (int i = 0; i < width; ++i) layers[0].push_back(f.numbered("concat", i, {f.leaf("x")}));
  for (std::size_t layer = 1; layer < 8; ++layer) {
    layers.emplace_back();
    for (std::size_t i = 0; i < width; ++i) {
      const std::vector<Address>& below = layers[layer - 1];
      layers[layer].push_back(f.numbered("id", static_cast<std::int64_t>(layer * 100 + i),
                                         {below[i], below[(i + 1) % width], below[(i * 7) % width]}));
    }
  }
  std::atomic<int> wrong{0};
  on_threads(8, [&](int thread) {
    for (std::size_t i = 0; i < width; ++i) {
      const std::vector<Address>& top = layers[7 - static_cast<std::size_t>(thread) % 3];
      wrong += text_of(on.executor.materialize(top[i])) == "x" ? 0 : 1;
    }
  });
  REQUIRE(wrong == 0);
  REQUIRE(f.runs() == 8 * width);
}

TEST_CASE("executor: a failed producer leaves nothing behind for those who come later") {
  ComputeFixture f;
  std::atomic<bool> fails{true};
  f.add("moody", [&](std::span<const Blob>, const Params&) -> Result<Blob> {
    if (fails) return Error(Errc::io_error, "not today");
    return Blob::copy_of("fine");
  });
  OnPool<2> on(f);
  const Address target = f.recipe("id", {f.recipe("moody", {})});
  std::atomic<int> failed{0};
  on_threads(8, [&](int) { failed += text_of(on.executor.materialize(target)) == "!function_failed" ? 1 : 0; });
  REQUIRE(failed == 8);
  fails = false;
  REQUIRE(text_of(on.executor.materialize(target)) == "fine");
}

TEST_CASE("executor: an error in a deep branch ends the request, and siblings that had not begun never begin") {
  ComputeFixture f;
  f.add("bad", [](std::span<const Blob>, const Params&) -> Blob { throw 1; });
  ExecutorOptions options;
  options.concurrency = 1;
  OnPool<1> on(f, options);
  Address deep = f.recipe("bad", {});
  for (int i = 0; i < 20; ++i) deep = f.recipe("id", {deep});
  std::vector<Address> inputs{deep};
  for (int i = 0; i < 100; ++i) inputs.push_back(f.numbered("concat", i, {f.recipe("id", {deep})}));
  REQUIRE(text_of(on.executor.materialize(f.recipe("concat", inputs))) == "!function_failed");
  REQUIRE(f.runs("id") == 0);
  REQUIRE(f.runs("concat") == 0);
}

TEST_CASE("executor: blocking requests make progress although nobody runs the I/O executor") {
  ComputeFixture f;
  boost::asio::io_context io;
  ExecutorOptions options;
  options.concurrency = GENERATE(1U, 2U);
  Executor<FunctionRegistry> executor(io.get_executor(), *f.store, f.registry, options);
  std::vector<Address> targets;
  for (int i = 0; i < 8; ++i) {
    Address end = f.leaf(std::to_string(i));
    for (int j = 0; j < 50; ++j) end = f.numbered("concat", j, {end});
    targets.push_back(end);
  }
  std::atomic<int> wrong{0};
  on_threads(8, [&](int i) {
    const Address& target = targets[static_cast<std::size_t>(i)];
    wrong += text_of(executor.materialize(target)) == std::to_string(i) ? 0 : 1;
  });
  REQUIRE(wrong == 0);
}

/// Whoever asks for `late` waits until the gate is opened.
struct SlowRegistry {
  const FunctionRegistry& functions;
  std::latch& gate;
  std::latch* inside = nullptr;  ///< Counted down by who waits.
  Function find(const FunctionId& id) const noexcept {
    if (id.name == "late") {
      if (inside != nullptr) inside->count_down();
      gate.wait();
    }
    return functions.find(id);
  }
};

TEST_CASE("executor: without a store, what ran while the rest was still being explored does not run again") {
  constexpr int many = 2'000;
  ComputeFixture f;
  std::latch gate(many);  // All of them run while one recipe, further away than what they need, is being explored.
  f.add("shared", [](std::span<const Blob>, const Params&) { return Blob::copy_of("s"); });
  f.add("one of many", [&](std::span<const Blob> inputs, const Params&) {
    if (f.runs("one of many") <= many) gate.count_down();
    return inputs[0];
  });
  f.add("late", [](std::span<const Blob> inputs, const Params&) { return inputs[0]; });
  const Address shared = f.recipe("shared", {});
  const Address late = f.recipe("late", {shared});
  std::vector<Address> inputs{f.recipe("concat", {f.recipe("concat", {late})})};
  for (int i = 0; i < many; ++i) inputs.push_back(f.numbered("one of many", i, {shared}));
  ExecutorOptions options;
  options.concurrency = 2;
  options.store_results = false;
  options.cache_bytes = 0;
  const SlowRegistry registry{f.registry, gate};
  boost::asio::thread_pool pool(2);
  Executor executor(pool.get_executor(), *f.store, registry, options);
  REQUIRE(executor.materialize(f.recipe("concat", inputs))->size() == many + 1);
  REQUIRE(f.runs("shared") == 1);
  REQUIRE(f.runs("one of many") == many);
}

/// Functions that take next to nothing, which an executor knows after so many of them; but number -1 waits for -2.
struct ShortUntilNow : ComputeFixture {
  ShortUntilNow() {
    add("short", [this](std::span<const Blob>, const Params& params) {
      if (params.empty()) return Blob();
      const std::int64_t number = std::get<std::int64_t>(params.at("number"));
      if (number == -1) {
        inside.count_down();
        gate.wait();
      } else if (number == -2) {
        gate.count_down();
      }
      return Blob();
    });
    waits = numbered("short", -1);
    opens = numbered("short", -2);
  }
  Address many() {
    Address last = recipe("short", {});
    for (int i = 0; i < 20'000; ++i) last = recipe("short", {last});
    return last;
  }
  static ExecutorOptions two_slots() {
    ExecutorOptions options;
    options.concurrency = 2;
    options.store_results = false;
    return options;
  }

  std::latch inside{1};
  std::latch gate{1};
  Address waits;
  Address opens;
};

TEST_CASE("executor: a function that was short so far waits for ever for one of another caller's request") {
  ShortUntilNow f;
  boost::asio::io_context io;  // Nobody runs it.
  Executor executor(io.get_executor(), *f.store, f.registry, ShortUntilNow::two_slots());
  REQUIRE(executor.materialize(f.many()).has_value());
  std::atomic<int> failed{0};
  on_threads(2, [&](int i) {
    if (i == 1) f.inside.wait();
    failed += executor.materialize(i == 0 ? f.waits : f.opens) ? 0 : 1;
  });
  REQUIRE(failed == 0);
}

TEST_CASE(
    "executor: a function that was short so far waits for ever for one of another request that nobody blocks on") {
  ShortUntilNow f;
  boost::asio::thread_pool pool(2);
  Executor executor(pool.get_executor(), *f.store, f.registry, ShortUntilNow::two_slots());
  REQUIRE(executor.async_materialize(f.many(), {}, boost::asio::use_future).get().has_value());
  auto waits = executor.async_materialize(f.waits, {}, boost::asio::use_future);
  f.inside.wait();
  auto opens = executor.async_materialize(f.opens, {}, boost::asio::use_future);
  REQUIRE(opens.get().has_value());
  REQUIRE(waits.get().has_value());
}

TEST_CASE("executor: a small request waits for about as many functions of a large one as it has itself") {
  constexpr std::int64_t of_large = 2'000;
  constexpr std::int64_t of_small = 20;
  const auto take_a_while = [] {  // So long that each is alone in its batch.
    const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(50);
    while (std::chrono::steady_clock::now() < end) continue;
  };
  ComputeFixture f;
  std::int64_t ran = 0;
  std::int64_t ran_then = 0;
  f.add("large", [&](std::span<const Blob>, const Params&) { return take_a_while(), ++ran, Blob(); });
  f.add("small", [&](std::span<const Blob>, const Params&) { return take_a_while(), ran_then = ran, Blob(); });
  std::vector<Address> inputs;
  for (std::int64_t i = 0; i < of_large; ++i) inputs.push_back(f.numbered("large", i));
  const Address large = f.recipe("concat", inputs);
  Address small = f.leaf("x");
  for (std::int64_t i = 0; i < of_small; ++i) small = f.numbered("small", i, {small});
  boost::asio::io_context io(1);
  ExecutorOptions options;
  options.concurrency = 1;
  Executor<FunctionRegistry> executor(io.get_executor(), *f.store, f.registry, options);
  int open = 2;
  executor.async_materialize(large, {}, [&](const Result<Blob>&) { --open; });
  while (ran < 10) io.run_one();
  const std::int64_t ran_before = ran;
  executor.async_materialize(small, {}, [&](const Result<Blob>&) { --open; });
  while (open > 0) io.run_one();
  REQUIRE(ran == of_large);
  REQUIRE(ran_then - ran_before <= 2 * of_small);
}

/// Until the gate is opened, the first request is being explored, on a snapshot of what there was then.
struct WhileExploring : ComputeFixture {
  WhileExploring() {
    add("late", [](std::span<const Blob> inputs, const Params&) { return inputs[0]; });
  }
  std::future<Result<Blob>> ask(const Address& address) {
    return executor.async_materialize(address, {}, boost::asio::use_future);
  }
  std::latch inside{1};
  std::latch gate{1};
  const SlowRegistry slow{registry, gate, &inside};
  boost::asio::thread_pool pool{1};
  Executor<SlowRegistry> executor{pool.get_executor(), *store, slow};
};

TEST_CASE("executor: a recipe put and asked for while another request is explored is looked for where it is not yet") {
  WhileExploring f;
  std::future<Result<Blob>> first = f.ask(f.recipe("late", {f.leaf("leaf")}));
  f.inside.wait();
  std::future<Result<Blob>> second = f.ask(f.recipe("concat", {f.leaf("new")}));
  f.gate.count_down();
  REQUIRE(text_of(first.get()) == "leaf");
  REQUIRE(text_of(second.get()) == "new");
}

TEST_CASE("executor: what was looked up ahead answers a request that came after what it asks for was put") {
  WhileExploring f;
  const Recipe missing{{"concat", "1"}, {f.leaf("new")}, {}};
  std::future<Result<Blob>> first = f.ask(f.recipe("late", {missing.address()}));
  f.inside.wait();  // What it needs is looked up next.
  std::future<Result<Blob>> second = f.ask(f.store->put_recipe(missing).value());
  f.gate.count_down();
  REQUIRE(text_of(second.get()) == "new");
  REQUIRE(text_of(first.get()) == "new");
}

}  // namespace
}  // namespace deriva::test
