// Why functions ran, as observers and hosts are told.
#include <chrono>
#include <string>
#include <vector>

#include "events_fixture.hpp"

namespace deriva {
namespace {

using test::ObservedFixture;
using test::OnPool;
using test::OnThisThread;
using test::text_of;

/// Everything is explained, however short it is, and nothing is taken from another recipe.
struct ExplainedFixture : ObservedFixture {
  ExplainedFixture() {
    options = observed();
    options.explain_from = std::chrono::nanoseconds(0);
    options.early_cutoff.reset();
    options.cache_bytes = 0;
  }
  /// Computes it on another executor, and returns what is told of its own function.
  template <class On = OnThisThread>
  event::FunctionStarted started(const Address& target) {
    On on(*this, options);
    REQUIRE(on.executor.materialize(target, test::durable()).has_value());
    for (const auto& one : take_all<event::FunctionStarted>()) {
      if (one.address == target) return one;
    }
    FAIL("its function did not run");
    return {};
  }
  ExecutorOptions options;
};

TEMPLATE_TEST_CASE("reasons: another input is told as if nothing like it was ever computed", "", OnPool<2>,
                   OnThisThread) {
  ExplainedFixture f;
  const Address before = f.recipe("concat", {f.leaf("a"), f.leaf("b"), f.leaf("c")});
  const event::FunctionStarted first = f.started<TestType>(before);
  CHECK(first.why.reason == event::Reason::never_computed);
  CHECK(first.why.previous == Address());
  const Address after = f.recipe("concat", {f.leaf("a"), f.leaf("x"), f.leaf("c")});
  const event::FunctionStarted second = f.started<TestType>(after);
  CHECK(second.why.reason == event::Reason::input_changed);
  CHECK(second.why.input == 1);
  CHECK(second.why.previous == before);
  CHECK(second.why.previous_function == event::NameId::none);
}

TEST_CASE("reasons: an input too many or too few is not told as a change of it") {
  ExplainedFixture f;
  const Address two = f.recipe("concat", {f.leaf("a"), f.leaf("b")});
  f.started(two);
  const event::FunctionStarted more = f.started(f.recipe("concat", {f.leaf("a"), f.leaf("b"), f.leaf("c")}));
  CHECK(more.why.reason == event::Reason::input_changed);
  CHECK(more.why.input == 2);
  CHECK(more.why.previous == two);
}

TEST_CASE("reasons: another version is told without the one before it") {
  ExplainedFixture f;
  const Address leaf = f.leaf("a");
  const Address before = f.recipe("concat", {leaf});
  f.started(before);
  f.registry.add({"concat", "2"}, [](std::span<const Blob> inputs, const Params&) { return inputs[0]; });
  const Address after = f.store->put_recipe({{"concat", "2"}, {leaf}, {}}).value();
  const event::FunctionStarted why = f.started(after);
  CHECK(why.why.reason == event::Reason::function_version_changed);
  CHECK(f.hub->name(why.why.previous_function) == "concat/1");
  CHECK(f.hub->name(why.function) == "concat/2");
  CHECK(why.why.previous == before);
}

TEST_CASE("reasons: what only has other params passes for a change of inputs") {
  ExplainedFixture f;
  const Address before = f.numbered("concat", 1, {f.leaf("a")});
  f.started(before);
  const event::FunctionStarted why = f.started(f.numbered("concat", 2, {f.leaf("a")}));
  CHECK(why.why.reason == event::Reason::never_computed);
  CHECK(why.why.previous == before);
}

TEST_CASE("reasons: above an input that is new itself, nothing is found to compare with") {
  ExplainedFixture f;
  const auto chain = [&](std::string_view changed) {
    return f.recipe("id", {f.recipe("id", {f.recipe("concat", {f.leaf("same"), f.leaf(changed)})})});
  };
  const Address before = chain("1");
  f.started(before);
  const event::FunctionStarted why = f.started(chain("2"));
  CHECK(why.why.reason == event::Reason::input_changed);
  CHECK(why.why.previous == before);
  CHECK(why.why.input == 0);
}

TEST_CASE("reasons: what is there is not looked at: evicted, forced and verified stay what they are") {
  ExplainedFixture f;
  f.started(f.recipe("concat", {f.leaf("a"), f.leaf("b")}));
  const Address target = f.recipe("concat", {f.leaf("a"), f.leaf("c")});
  OnThisThread on(f, f.options);
  MaterializeOptions options = test::durable();
  options.verify = Verify::always();
  REQUIRE(on.executor.materialize(target, options).has_value());
  std::vector<event::FunctionStarted> runs = f.take_all<event::FunctionStarted>();
  REQUIRE(runs.size() == 2);
  CHECK(runs[0].why.reason == event::Reason::input_changed);
  CHECK(runs[1].why.reason == event::Reason::verifying);
  CHECK(runs[1].why.previous == Address());

  options.verify = Verify::off();
  options.recompute = Recompute::target;
  REQUIRE(on.executor.materialize(target, options).has_value());
  runs = f.take_all<event::FunctionStarted>();
  REQUIRE(runs.size() == 1);
  CHECK(runs[0].why.reason == event::Reason::forced);
}

TEST_CASE("reasons: coroutine and blocking functions are told without what changed") {
  ExplainedFixture f;
  const std::string kind = GENERATE("coroutine", "blocking");
  if (kind == "coroutine") {
    f.add_async(
        kind, [](std::vector<Blob> inputs, Params, Context&) -> boost::asio::awaitable<Blob> { co_return inputs[0]; });
  } else {
    FunctionOptions blocking;
    blocking.blocking = true;
    f.registry.add(
        {kind, "1"}, [](std::span<const Blob> inputs, const Params&) { return inputs[0]; }, blocking);
  }
  const Address before = f.recipe(kind, {f.leaf("same"), f.leaf("1")});
  f.started<OnPool<2>>(before);
  const event::FunctionStarted why = f.started<OnPool<2>>(f.recipe(kind, {f.leaf("same"), f.leaf("2")}));
  CHECK(why.why.reason == event::Reason::input_changed);
  CHECK(why.why.previous == before);
}

TEST_CASE("reasons: a host that is told of each function is not told what changed") {
  ExplainedFixture f;
  f.started(f.recipe("concat", {f.leaf("a"), f.leaf("b")}));
  f.options.observers = nullptr;
  OnThisThread on(f, f.options);
  std::vector<RunReason> reasons;
  MaterializeOptions options;
  options.on_computed = [&](const Computed& computed) { reasons.push_back(computed.reason); };
  REQUIRE(on.executor.materialize(f.recipe("concat", {f.leaf("a"), f.leaf("c")}), options).has_value());
  CHECK(reasons == std::vector{RunReason::input_changed});
}

TEST_CASE("reasons: short functions are explained, or a first run is not") {
  ExplainedFixture f;
  f.options.explain_from = std::chrono::hours(1);
  const Address a = f.leaf("a");
  f.started(f.recipe("concat", {a, f.leaf("1")}));
  OnThisThread on(f, f.options);
  const auto reason = [&](const std::string& last) {
    REQUIRE(on.executor.materialize(f.recipe("concat", {a, f.leaf(last)}), test::durable()).has_value());
    return f.take_all<event::FunctionStarted>().at(0).why.reason;
  };
  CHECK(reason("2") == event::Reason::input_changed);  // How long it takes is not known.
  CHECK(reason("3") == event::Reason::never_computed);

  f.options.explain_from.reset();
  CHECK(f.started(f.recipe("concat", {a, f.leaf("4")})).why.reason == event::Reason::never_computed);
}

TEST_CASE("reasons: what is cut off passes for what ran") {
  ExplainedFixture f;
  f.add("first letter",
        [](std::span<const Blob> inputs, const Params&) { return Blob::copy_of(as_text(inputs[0]).substr(0, 1)); });
  f.options.early_cutoff = std::chrono::nanoseconds(0);
  const auto above = [&](std::string_view text) {
    return f.recipe("concat", {f.recipe("first letter", {f.leaf(text)})});
  };
  const Address before = above("apple");
  f.started(before);
  const Address after = above("avocado");
  OnThisThread on(f, f.options);
  REQUIRE(text_of(on.executor.materialize(after, test::durable())) == "a");
  const std::vector<Event> events = f.take();
  CHECK(f.hub->name(test::only<event::FunctionStarted>(events).function) == "first letter/1");
  const auto& cut_off = test::only<event::CutOff>(events);
  CHECK(cut_off.address == after);
  CHECK(cut_off.previous == before);
  CHECK(f.hub->name(cut_off.function) == "concat/1");
  CHECK(cut_off.request == test::only<event::RequestStarted>(events).request);
  for (const Event& event : events) {
    const auto* flight = event.as<event::FlightFinished>();
    if (flight == nullptr || flight->address != after) continue;
    CHECK(flight->flight == cut_off.flight);
    CHECK(flight->ending == event::Ending::succeeded);
  }
}

}  // namespace
}  // namespace deriva
