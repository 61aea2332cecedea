#include <deriva/compute/materialize_options.hpp>

#include <atomic>
#include <future>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/use_future.hpp>

#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"

namespace deriva::test {
namespace {

TEST_CASE("run reason: has a name") {
  REQUIRE(to_string(RunReason::never_computed) == "never computed");
  REQUIRE(to_string(RunReason::evicted) == "evicted");
  REQUIRE(to_string(RunReason::forced) == "forced");
}

#define DERIVA_EVERY_EXECUTOR OnPool<1>, OnPool<3>, OnThisThread

TEMPLATE_TEST_CASE("on_computed: is called once for each function that ran, with what it was", "",
                   DERIVA_EVERY_EXECUTOR) {
  ComputeFixture f;
  TestType on(f);
  const Address a = f.recipe("id", {f.leaf("a")});
  const Address target = f.recipe("concat", {a, a, f.leaf("b")});
  std::mutex mutex;
  std::map<Address, std::string> seen;
  MaterializeOptions options;
  options.on_computed = [&](const Computed& computed) {
    const std::lock_guard lock(mutex);
    REQUIRE(computed.reason == RunReason::never_computed);
    REQUIRE_FALSE(computed.verified);
    REQUIRE(computed.compute_time.count() >= 0);
    seen[computed.address] += computed.function.name + " " + std::to_string(computed.size);
  };
  for (int i = 0; i < 2; ++i) REQUIRE(text_of(on.executor.materialize(target, options)) == "aab");
  REQUIRE(seen == std::map<Address, std::string>{{a, "id 1"}, {target, "concat 3"}});
}

TEMPLATE_TEST_CASE("outcome: counts what ran and what was there already", "", DERIVA_EVERY_EXECUTOR) {
  ComputeFixture f;
  TestType on(f);
  Outcome outcome;
  MaterializeOptions options;
  options.outcome = &outcome;
  const Address a = f.leaf("a");
  const Address inner = f.recipe("id", {a});
  REQUIRE(text_of(on.executor.materialize(inner, options)) == "a");
  REQUIRE(outcome.computed == 1);
  REQUIRE(outcome.reused == 1);
  REQUIRE(text_of(on.executor.materialize(f.recipe("concat", {inner, a, f.numbered("id", 1, {a})}), options)) == "aaa");
  REQUIRE(outcome.computed == 2);
  REQUIRE(outcome.reused == 2);  // The earlier result and the leaf.
  REQUIRE(text_of(on.executor.materialize(inner, options)) == "a");
  REQUIRE(outcome.computed == 0);
  REQUIRE(outcome.reused == 1);
  REQUIRE(outcome.joined == 0);
  REQUIRE(text_of(on.executor.materialize(Address(), options)) == "!not_found");
  REQUIRE(outcome.computed + outcome.reused == 0);
}

TEMPLATE_TEST_CASE("progress: grows up to what was planned", "", DERIVA_EVERY_EXECUTOR) {
  ComputeFixture f;
  TestType on(f);
  Address end = f.leaf("a");
  for (int i = 0; i < 100; ++i) end = f.numbered("id", i, {end});
  std::vector<Progress> seen;  // By one at a time.
  MaterializeOptions options;
  options.progress_interval = std::chrono::milliseconds(0);
  options.progress = [&](const Progress& progress) { seen.push_back(progress); };
  REQUIRE(text_of(on.executor.materialize(end, options)) == "a");
  REQUIRE_FALSE(seen.empty());
  for (std::size_t i = 0; i < seen.size(); ++i) {
    REQUIRE(seen[i].planned == 100);
    REQUIRE(seen[i].computed <= seen[i].planned);
    if (i > 0) REQUIRE(seen[i].computed >= seen[i - 1].computed);
  }
  REQUIRE(seen.back().reused == 1);
  REQUIRE(seen.back().computed == 100);  // The last call comes at the end.
}

TEMPLATE_TEST_CASE("progress: is not called more often than its interval, except at the end", "",
                   DERIVA_EVERY_EXECUTOR) {
  ComputeFixture f;
  TestType on(f);
  int calls = 0;
  MaterializeOptions options;
  options.progress_interval = std::chrono::hours(1);
  options.progress = [&](const Progress&) { ++calls; };
  REQUIRE(text_of(on.executor.materialize(f.recipe("id", {f.leaf("a")}), options)) == "a");
  REQUIRE(calls == 1);
  REQUIRE(text_of(on.executor.materialize(f.recipe("id", {f.leaf("a")}), options)) == "a");
  REQUIRE(calls == 1);  // A hit: nothing was planned.
}

TEMPLATE_TEST_CASE("callbacks: what they throw ends no computation", "", DERIVA_EVERY_EXECUTOR) {
  ComputeFixture f;
  TestType on(f);
  MaterializeOptions options;
  options.progress_interval = std::chrono::milliseconds(0);
  options.progress = [](const Progress&) { throw 1; };
  options.on_computed = [](const Computed&) { throw std::runtime_error("no"); };
  REQUIRE(text_of(on.executor.materialize(f.recipe("id", {f.recipe("id", {f.leaf("a")})}), options)) == "a");
}

TEST_CASE("callbacks: none begins after the request is over") {
  ComputeFixture f;
  std::promise<void> inside;
  std::promise<void> go_on;
  std::promise<void> may_fail;
  std::atomic<int> calls{0};
  f.add("waits", [&](std::span<const Blob>, const Params&) {
    inside.set_value();
    go_on.get_future().get();
    return Blob::copy_of("w");
  });
  f.add("bad", [&](std::span<const Blob>, const Params&) -> Blob {
    may_fail.get_future().get();
    throw 1;
  });
  ExecutorOptions executor_options;
  executor_options.concurrency = 2;
  OnPool<2> on(f, executor_options);
  const Address waits = f.recipe("waits", {});
  {
    MaterializeOptions options;
    options.progress_interval = std::chrono::milliseconds(0);
    options.progress = [&](const Progress&) { ++calls; };
    options.on_computed = [&](const Computed&) { ++calls; };
    std::thread fail_later([&] {
      inside.get_future().get();
      may_fail.set_value();
    });
    // A thread that blocks might be the one that runs "waits".
    const Address target = f.recipe("concat", {waits, f.recipe("bad", {})});
    auto value = on.executor.async_materialize(target, options, boost::asio::use_future);
    REQUIRE(text_of(value.get()) == "!function_failed");
    fail_later.join();
  }
  const int before = calls;
  go_on.set_value();
  REQUIRE(text_of(on.executor.materialize(waits)) == "w");
  REQUIRE(calls == before);
}

TEST_CASE("callbacks: a request is not over while one is under way") {
  ComputeFixture f;
  std::promise<void> called;
  const std::shared_future<void> was_called = called.get_future().share();
  std::promise<void> go_on;
  std::atomic<bool> returned{false};
  f.add("bad", [&](std::span<const Blob>, const Params&) -> Blob {
    was_called.get();
    throw 1;
  });
  ExecutorOptions executor_options;
  executor_options.concurrency = 2;
  OnPool<2> on(f, executor_options);
  MaterializeOptions options;
  options.on_computed = [&](const Computed&) {
    called.set_value();
    go_on.get_future().get();
    returned = true;
  };
  const Address target = f.recipe("concat", {f.recipe("id", {f.leaf("a")}), f.recipe("bad", {})});
  auto value = on.executor.async_materialize(target, options, boost::asio::use_future);
  // A failure ends the requests above the target after those for it: when this one has ended, the other one is due.
  auto above = on.executor.async_materialize(f.recipe("id", {target}), {}, boost::asio::use_future);
  std::thread opener([&] {
    above.wait();
    go_on.set_value();
  });
  REQUIRE(text_of(value.get()) == "!function_failed");
  REQUIRE(returned);
  opener.join();
}

}  // namespace
}  // namespace deriva::test
