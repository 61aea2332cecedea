// The graph is compacted while something is computed: the ids that a plan knows mean something else.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <boost/asio/use_future.hpp>

#include "compute/engine.hpp"
#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"
#include "unit/compute/gated_io.hpp"
#include "unit/compute/hand_scheduler.hpp"

namespace deriva::test {
namespace {

namespace asio = boost::asio;

/// `top` needs `middle`, all of which need a leaf and what waits for the test.
struct CompactedFixture : ComputeFixture, GatedIo {
  CompactedFixture() {
    add_async("gated", [this](std::vector<Blob>, Params, Context&) -> asio::awaitable<Blob> {
      co_await pass_gate();
      co_return Blob::copy_of("g");
    });
    add("fails", [](std::span<const Blob>, const Params&) { return Error(Errc::function_failed, "on purpose"); });
    for (int i = 0; i < 100; ++i) unneeded.push_back(numbered("id", i));
    gated = recipe("gated", {});
    for (std::size_t i = 0; i < count; ++i) {
      leaves.push_back(leaf(std::to_string(i) + ","));
      middle.push_back(recipe("concat", {gated, leaves.back()}));
      text += "g" + std::to_string(i) + ",";
    }
    top = recipe("concat", middle);
  }

  std::unique_ptr<Executor<FunctionRegistry>> executor(bool store_results = true) {
    ExecutorOptions options;
    options.store_results = store_results;
    if (!store_results) options.cache_bytes = 0;
    return std::make_unique<Executor<FunctionRegistry>>(io.get_executor(), *store, registry, options);
  }
  /// What became of a request: nothing yet, its value or its error.
  std::shared_ptr<std::string> start(Executor<FunctionRegistry>& executor, const Address& target,
                                     MaterializeOptions options = {}) {
    auto seen = std::make_shared<std::string>();
    executor.async_materialize(target, std::move(options),
                               [seen](const Result<Blob>& value) { *seen = text_of(value); });
    poll();
    return seen;
  }
  void compact() {
    for (const Address& address : unneeded) REQUIRE(store->remove(address).value());
    ComputeFixture::compact();
  }

  static constexpr std::size_t count = 50;
  std::vector<Address> unneeded;
  Address gated;
  std::vector<Address> leaves;
  std::vector<Address> middle;
  Address top;
  std::string text;  ///< The value of `top`.
};

TEST_CASE("compaction: in the middle of a request, its functions get other inputs") {
  CompactedFixture f;
  const auto executor = f.executor(GENERATE(true, false));
  const auto seen = f.start(*executor, f.top);
  REQUIRE(f.runs("gated") == 1);
  f.compact();
  f.open_gate();
  REQUIRE(*seen == f.text);
}

TEST_CASE("compaction: in the middle of a request, results are stored as those of other recipes") {
  CompactedFixture f;
  {
    const auto executor = f.executor();
    const auto seen = f.start(*executor, f.top);
    f.compact();
    f.open_gate();
    REQUIRE(executor->flush().has_value());
  }
  const int runs = f.runs();
  const auto fresh = f.executor();
  for (std::size_t i = 0; i < CompactedFixture::count; ++i) {
    REQUIRE(*f.start(*fresh, f.middle[i]) == "g" + std::to_string(i) + ",");
  }
  REQUIRE(*f.start(*fresh, f.top) == f.text);
  REQUIRE(f.runs() == runs);
}

TEST_CASE("compaction: in the middle of a request, its errors are of another recipe, or its hosts told of one") {
  CompactedFixture f;
  const Address bad = f.recipe("fails", {f.middle[7]});
  const Address target = f.recipe("id", {bad});
  const auto executor = f.executor(GENERATE(true, false));
  std::vector<Address> told;
  std::vector<Error> errors;
  MaterializeOptions options;
  options.on_computed = [&](const Computed& computed) { told.push_back(computed.address); };
  executor->async_materialize(target, options, [&](const Result<Blob>& value) { errors.push_back(value.error()); });
  f.poll();
  f.compact();
  f.open_gate();
  REQUIRE(errors.size() == 1);
  REQUIRE(errors.front().code() == Errc::function_failed);
  REQUIRE(*errors.front().address() == bad);
  REQUIRE(told == std::vector<Address>{f.gated, f.middle[7]});
}

TEST_CASE("compaction: who asks for what is being computed starts it once more") {
  CompactedFixture f;
  const auto executor = f.executor();
  const auto first = f.start(*executor, f.top);
  f.compact();
  const auto second = f.start(*executor, f.gated);
  const auto third = f.start(*executor, f.middle[3]);
  f.open_gate();
  REQUIRE(*first == f.text);
  REQUIRE(*second == "g");
  REQUIRE(*third == "g3,");
  REQUIRE(f.runs("gated") == 1);
  REQUIRE(f.runs("concat") == static_cast<int>(CompactedFixture::count) + 1);
}

TEST_CASE("compaction: what runs and lies below nothing any more is started once more by who asks for it") {
  CompactedFixture f;
  f.add_async("stoppable", [&f](std::vector<Blob>, Params, Context&) -> asio::awaitable<Blob> {
    co_await f.pass_gate();
    co_return Blob::copy_of("s");
  });
  const Address runs = f.recipe("stoppable", {});
  const Address target = f.recipe("id", {runs});
  const auto executor = f.executor();
  const auto first = f.start(*executor, target);
  REQUIRE(f.store->remove(target).value());
  f.store->put_recipe({{"id", "1"}, {runs}, {{"another", std::int64_t{1}}}}).value();  // It is to have an id.
  f.compact();
  const auto second = f.start(*executor, runs);
  f.open_gate();
  REQUIRE(*second == "s");
  REQUIRE(f.runs("stoppable") == 1);
}

/// Compacts the graph when a batch has been taken, before its inputs are read.
struct CompactsInBetween final : InlineObserver {
  explicit CompactsInBetween(CompactedFixture& compacted_one) : fixture(compacted_one) {}
  void on_event(const Event& event) noexcept override {
    const auto* const started = std::get_if<event::FlightStarted>(&event.body);
    if (started != nullptr && started->address == at && !std::exchange(compacted, true)) fixture.compact();
  }
  CompactedFixture& fixture;
  Address at = fixture.middle[5];
  bool compacted = false;
};

TEST_CASE("compaction: between the taking of functions and the reading of their inputs, they get other ones") {
  CompactedFixture f;
  const auto observer = std::make_shared<CompactsInBetween>(f);
  ExecutorOptions options;
  options.observers = std::make_shared<ObserverHub>();
  options.observers->attach_inline(observer);
  Executor<FunctionRegistry> executor(f.io.get_executor(), *f.store, f.registry, options);
  const auto seen = f.start(executor, f.top);
  f.open_gate();
  REQUIRE(observer->compacted);
  REQUIRE(*seen == f.text);
}

/// Compacts the graph when the first of `middle` has been taken, before what the store knows of it is looked up.
struct ConsultedFixture : CompactedFixture {
  ConsultedFixture() {
    add("first", [this](std::span<const Blob>, const Params&) {
      while (scheduler->run_next()) continue;  // One more thread is wanted afterwards.
      return Blob::copy_of("g");
    });
    const Address first = recipe("first", {});
    text.clear();
    for (std::size_t i = 0; i < count; ++i) {
      middle[i] = numbered("concat", static_cast<std::int64_t>(i), {first, first});
      text += "gg";
    }
    top = recipe("concat", middle);
  }

  /// Puts recipes, which get the ids that `middle` had.
  void put_successors() {
    add("size",
        [](std::span<const Blob> inputs, const Params&) { return Blob::copy_of(std::to_string(inputs.size())); });
    for (std::size_t i = 0; i < 3 * count; ++i) {
      successors.push_back(recipe("size", {leaves[i % count], leaves[(i + i / count + 1) % count]}));
    }
  }

  std::string materialize(ExecutorOptions options, MaterializeOptions request = {}) {
    options.concurrency = 8;
    bool compacted = false;
    auto made = std::make_unique<HandScheduler>(std::chrono::nanoseconds(0));
    scheduler = made.get();
    scheduler->on_post = [&] {  // More is ready.
      if (runs("first") > 0 && !std::exchange(compacted, true)) compact();
    };
    const auto engine = detail::Engine::make(std::move(made), *store, resolver(), options);
    std::string value = text_of(engine->materialize(top, std::move(request)));
    engine->shutdown();
    REQUIRE(compacted);
    return value;
  }

  HandScheduler* scheduler = nullptr;
  std::vector<Address> successors;
};

TEST_CASE("compaction: between the taking of functions and the look for their addresses, those of others are found") {
  ConsultedFixture f;
  REQUIRE(f.materialize({.early_cutoff = std::nullopt}) == f.text);
  const int runs = f.runs();
  const auto fresh = f.executor();
  for (const Address& one : f.middle) REQUIRE(*f.start(*fresh, one) == "gg");
  REQUIRE(f.runs() == runs);
}

TEST_CASE("compaction: between the taking of functions and the look for known results, those of others are taken") {
  ConsultedFixture f;
  const ExecutorOptions eager{.early_cutoff = std::chrono::nanoseconds(0)};
  f.put_successors();
  const Address same = f.leaf("g");
  const Address size = f.recipe("size", {same, same});
  REQUIRE(text_of(OnThisThread(f, eager).executor.materialize(size)) == "2");
  REQUIRE(f.materialize(eager) == f.text);
}

TEST_CASE("compaction: between the taking of functions and the look for what changed, others' changes are told") {
  ConsultedFixture f;
  f.put_successors();
  for (std::size_t i = 0; i < f.leaves.size(); ++i) {  // What the other ones were before an input changed.
    REQUIRE(text_of(OnThisThread(f).executor.materialize(f.successors[i])) == "2");
  }
  std::vector<RunReason> reasons;
  MaterializeOptions request;
  request.on_computed = [&](const Computed& computed) { reasons.push_back(computed.reason); };
  const ExecutorOptions explained{.early_cutoff = std::nullopt, .explain_from = std::chrono::nanoseconds(0)};
  REQUIRE(f.materialize(explained, std::move(request)) == f.text);
  REQUIRE(reasons.size() == f.middle.size() + 2);
  REQUIRE(std::count(reasons.begin(), reasons.end(), RunReason::never_computed) ==
          static_cast<std::ptrdiff_t>(reasons.size()));
}

TEST_CASE("compaction: an executor that is made afterwards begins what another one computes") {
  CompactedFixture f;
  const auto one = f.executor();
  const auto first = f.start(*one, f.top);
  f.compact();
  const auto other = f.executor();
  const auto second = f.start(*other, f.gated);
  f.open_gate();
  REQUIRE(*first == f.text);
  REQUIRE(*second == "g");
  REQUIRE(f.runs("gated") == 1);
}

TEST_CASE("compaction: a recipe that was removed while it waited gets inputs of another one") {
  CompactedFixture f;
  const bool store_results = GENERATE(true, false);
  const auto executor = f.executor(store_results);
  std::vector<Error> errors;
  executor->async_materialize(f.top, {}, [&](const Result<Blob>& value) { errors.push_back(value.error()); });
  f.poll();
  REQUIRE(f.store->force_remove(f.middle[7]).value());
  f.compact();
  f.open_gate();
  REQUIRE(errors.size() == 1);
  REQUIRE(errors.front().code() == Errc::not_found);
  REQUIRE(errors.front().address() == nullptr);  // Of what: nothing tells.
  const auto other = f.start(*executor, f.middle[8]);
  f.open_gate();
  REQUIRE(*other == "g8,");
  REQUIRE(*f.start(*executor, f.middle[7]) == "!not_found");
}

TEST_CASE("compaction: a target that was removed while it waited is found as something else") {
  CompactedFixture f;
  const auto executor = f.executor(GENERATE(true, false));
  const auto seen = f.start(*executor, f.middle[7]);
  REQUIRE(f.store->force_remove(f.top).value());
  REQUIRE(f.store->remove(f.middle[7]).value());
  f.compact();
  f.open_gate();
  REQUIRE(*seen == "!not_found");
}

TEST_CASE("compaction: a function whose recipe was removed runs, and its result is stored as nobody's") {
  CompactedFixture f;
  const Address target = f.recipe("id", {f.gated});
  const auto executor = f.executor();
  const auto seen = f.start(*executor, target);
  REQUIRE(f.store->remove(target).value());
  f.compact();
  f.open_gate();
  REQUIRE(*seen == "!not_found");
  REQUIRE(f.runs("id") == 0);
  REQUIRE(executor->flush().has_value());
  REQUIRE_FALSE(f.store->result(Address()).value());
}

TEST_CASE("compaction: a result that is not written yet is computed again") {
  ComputeFixture f;
  HoldUp hold_up;
  f.add("held", [&](std::span<const Blob>, const Params&) {
    hold_up.pass();
    return Blob();
  });
  const Address unneeded = f.numbered("id", 0);
  const Address held = f.recipe("held", {});
  const Address quick = f.numbered("concat", 1, {f.leaf("quick")});
  ExecutorOptions options;
  options.concurrency = 2;
  options.cache_bytes = 0;
  OnPool<1> on(f, options);
  auto first = on.executor.async_materialize(held, {}, asio::use_future);
  hold_up.inside.wait();  // Else this thread would run it below.
  const std::string once = text_of(on.executor.materialize(quick));
  const bool was_written = f.store->result(quick).value().has_value();
  const bool removed = f.store->remove(unneeded).value();
  f.compact();
  const std::string again = text_of(on.executor.materialize(quick));
  hold_up.may_end.count_down();
  REQUIRE(first.get().has_value());
  REQUIRE((removed && !was_written));
  REQUIRE((once == "quick" && again == "quick"));
  REQUIRE(f.runs("concat") == 1);
}

}  // namespace
}  // namespace deriva::test
