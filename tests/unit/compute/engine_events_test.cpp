#include <algorithm>
#include <map>
#include <string>

#include "events_fixture.hpp"

namespace deriva {
namespace {

using test::names_of;
using test::ObservedFixture;
using test::only;
using test::OnPool;
using test::OnThisThread;
using Strings = std::vector<std::string>;

TEST_CASE("events: a computation on one thread is told step by step") {
  ObservedFixture f;
  const Address leaf = f.leaf("abc");
  const Address below = f.recipe("id", {leaf});
  const Address top = f.recipe("concat", {below, leaf});
  const Strings stored = names_of(f.take());
  CHECK(std::count(stored.begin(), stored.end(), "dag_inserted") == 2);
  CHECK(std::count(stored.begin(), stored.end(), "committed") == 3);

  OnThisThread on(f, f.observed());
  REQUIRE(test::text_of(on.executor.materialize(top, test::durable())) == "abcabc");
  const std::vector<Event> events = f.take();
  // clang-format off
  const Strings expected = {
      "request_started", "cache_miss",                                // It is not in memory.
      "cache_miss", "cache_miss", "plan_made",                        // Two recipes have no value.
      "batch_started", "flight_started",
      "cache_miss", "cache_hit", "cache_inserted",                    // The leaf is in the store alone.
      "function_started", "function_finished", "flight_finished",
      "batch_started", "flight_started",                              // It has the leaf by now.
      "function_started", "function_finished", "flight_finished",
      "cache_inserted",                                               // What was asked for.
      "committed", "results_stored", "flight_stored", "flight_stored", "cache_inserted", "request_finished"};
  // clang-format on
  CHECK(names_of(events) == expected);
}

TEST_CASE("events: what a request came to") {
  ObservedFixture f;
  const Address leaf = f.leaf("abc");
  const Address top = f.recipe("concat", {f.recipe("id", {leaf}), leaf});
  OnThisThread on(f, f.observed());
  REQUIRE(on.executor.materialize(top).has_value());
  std::vector<Event> events = f.take();
  const auto& plan = only<event::PlanMade>(events);
  CHECK(plan.nodes == 2);
  CHECK(plan.hits == 1);
  const auto& finished = only<event::RequestFinished>(events);
  CHECK(finished.request == only<event::RequestStarted>(events).request);
  CHECK(finished.target == top);
  CHECK(finished.bytes == 6);
  CHECK(finished.computed == 2);
  CHECK(finished.reused == 1);
  CHECK(finished.depth == 2);
  CHECK(finished.ending == event::Ending::succeeded);
  CHECK_FALSE(finished.error);

  REQUIRE(on.executor.materialize(top).has_value());
  events = f.take();
  CHECK(names_of(events) == Strings{"request_started", "cache_hit", "request_finished"});
  CHECK(only<event::CacheHit>(events).tier == event::Tier::memory);
  CHECK(only<event::CacheHit>(events).bytes == 6);
  CHECK(only<event::RequestFinished>(events).reused == 1);
  CHECK(only<event::RequestFinished>(events).computed == 0);
}

TEST_CASE("events: a value that is read from the store is a hit there") {
  ObservedFixture f;
  const Address top = f.recipe("id", {f.leaf("abc")});
  REQUIRE(OnThisThread(f).executor.materialize(top).has_value());
  f.take();
  OnThisThread on(f, f.observed());
  REQUIRE(on.executor.materialize(top).has_value());
  const std::vector<Event> events = f.take();
  CHECK(names_of(events) ==
        Strings{"request_started", "cache_miss", "cache_hit", "cache_inserted", "request_finished"});
  CHECK(only<event::CacheHit>(events).tier == event::Tier::store);
  CHECK(only<event::CacheMiss>(events).tier == event::Tier::memory);
}

TEST_CASE("events: functions are told with their names, bytes and reasons") {
  ObservedFixture f;
  const Address top = f.recipe("concat", {f.leaf("abc"), f.leaf("de")}, {{"prefix", std::string("x")}});
  OnThisThread on(f, f.observed());
  REQUIRE(on.executor.materialize(top).has_value());
  const std::vector<Event> events = f.take();
  const auto& ran = only<event::FunctionFinished>(events);
  CHECK(f.hub->name(ran.function) == "concat/1");
  CHECK(ran.input_bytes == 5);
  CHECK(ran.output_bytes == 6);
  CHECK(ran.reason == event::Reason::never_computed);
  CHECK(ran.flight == only<event::FlightStarted>(events).flight);
  CHECK(ran.request == only<event::RequestStarted>(events).request);
  CHECK(ran.address == top);
  CHECK(only<event::FunctionStarted>(events).why.reason == event::Reason::never_computed);
  CHECK(only<event::FlightFinished>(events).started <= ran.started);
}

TEMPLATE_TEST_CASE("events: a failure is told of the function, the flight and the request, with its code", "",
                   OnPool<2>, OnThisThread) {
  ObservedFixture f;
  const Address top = f.recipe("id", {f.recipe("fails", {})});
  TestType on(f, f.observed());
  REQUIRE_FALSE(on.executor.materialize(top).has_value());
  const std::vector<Event> events = f.take();
  CHECK(only<event::FunctionFinished>(events).ending == event::Ending::failed);
  CHECK(only<event::FlightFinished>(events).ending == event::Ending::failed);
  const auto& finished = only<event::RequestFinished>(events);
  CHECK(finished.ending == event::Ending::failed);
  CHECK(finished.error == Errc::function_failed);
  CHECK(finished.failed == 1);
  CHECK(finished.computed == 0);

  REQUIRE_FALSE(on.executor.materialize(Address::of_leaf(as_bytes("nobody has it"))).has_value());
  CHECK(only<event::RequestFinished>(f.take()).error == Errc::not_found);
}

TEMPLATE_TEST_CASE("events: each execution of a verified function is told, and the verdict", "", OnPool<1>, OnPool<3>,
                   OnThisThread) {
  ObservedFixture f;
  int runs = 0;
  f.add("wavers", [&runs](std::span<const Blob>, const Params&) { return Blob::copy_of(std::to_string(++runs)); });
  ExecutorOptions options = f.observed();
  options.verify = Verify::always();
  options.concurrency = 1;
  TestType on(f, options);
  REQUIRE(on.executor.materialize(f.recipe("id", {f.leaf("a")})).has_value());
  std::map<event::Reason, int> reasons;
  std::vector<Event> events = f.take();
  for (const Event& event : events) {
    if (const auto* ran = event.as<event::FunctionFinished>()) ++reasons[ran->reason];
  }
  CHECK(reasons == std::map<event::Reason, int>{{event::Reason::never_computed, 1}, {event::Reason::verifying, 1}});
  CHECK(only<event::Verified>(events).verdict == event::Verdict::equal);
  CHECK(only<event::Verified>(events).flight == only<event::FlightStarted>(events).flight);

  REQUIRE_FALSE(on.executor.materialize(f.recipe("wavers", {})).has_value());
  CHECK(only<event::Verified>(f.take()).verdict == event::Verdict::different);
}

TEST_CASE("events: a result that contradicts the stored one is told as a violation") {
  ObservedFixture f;
  const Address top = f.numbered("other", 1);
  f.add("other", [](std::span<const Blob>, const Params&) { return Blob::copy_of("new"); });
  OnThisThread on(f, f.observed());
  f.add("puts", [&](std::span<const Blob>, const Params&) {
    const ComputedResult result{top, Blob::copy_of("old"), std::chrono::nanoseconds(1), {}};
    f.store->put_results({&result, 1}).value();  // Another process was faster.
    return Blob::copy_of("put");
  });
  const Address both = f.recipe("concat", {top, f.recipe("puts", {top})});
  REQUIRE_FALSE(on.executor.materialize(both, test::durable()).has_value());
  const auto verified = f.take_all<event::Verified>();
  REQUIRE(verified.size() == 1);
  CHECK(verified[0].verdict == event::Verdict::different);
  CHECK(verified[0].address == top);
  CHECK(f.hub->name(verified[0].function) == "other/1");
}

}  // namespace
}  // namespace deriva
