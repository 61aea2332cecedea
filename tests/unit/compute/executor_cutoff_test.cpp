// Early cutoff: recipes whose inputs are new and equal take the result that is there.

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"

namespace deriva::test {
namespace {

#define DERIVA_EVERY_EXECUTOR OnPool<1>, OnPool<3>, OnThisThread

/// Looks for everything, however short it is.
ExecutorOptions eager() {
  ExecutorOptions options;
  options.early_cutoff = std::chrono::nanoseconds(0);
  options.cache_bytes = 0;
  return options;
}

/// A chain above a function that forgets what is behind the first letter of a leaf.
struct CutoffFixture : ComputeFixture {
  CutoffFixture() {
    add("first letter",
        [](std::span<const Blob> inputs, const Params&) { return Blob::copy_of(as_text(inputs[0]).substr(0, 1)); });
    add("large", [](std::span<const Blob> inputs, const Params&) {
      return Blob::copy_of(std::string(100'000, as_text(inputs[0]).front()));
    });
  }
  Address chain(std::string_view text, int length) {
    Address end = recipe("first letter", {leaf(text)});
    for (int i = 0; i < length; ++i) end = numbered("concat", i, {end, leaf("beside")});
    return end;
  }
  Outcome outcome;
  MaterializeOptions counted() {
    MaterializeOptions options;
    options.outcome = &outcome;
    return options;
  }
};

TEMPLATE_TEST_CASE("cutoff: functions run again above an input that came out the same", "", DERIVA_EVERY_EXECUTOR) {
  CutoffFixture f;
  const ExecutorOptions options = eager();
  const Address before = f.chain("apple", 20);
  const Address after = f.chain("avocado", 20);
  std::string value;
  {
    TestType on(f, options);
    value = text_of(on.executor.materialize(before, f.counted()));
    REQUIRE(f.outcome.computed == 21);
    REQUIRE(f.outcome.cut_off == 0);
  }
  f.reopen();
  {
    TestType on(f, options);
    REQUIRE(text_of(on.executor.materialize(after, f.counted())) == value);
    REQUIRE(f.outcome.computed == 1);
    REQUIRE(f.outcome.cut_off == 20);
    REQUIRE(f.outcome.never_started == 0);
    REQUIRE(on.executor.flush().has_value());
    REQUIRE(text_of(on.executor.materialize(after, f.counted())) == value);
    REQUIRE(f.outcome.cut_off + f.outcome.computed == 0);  // It is stored like any other.
  }
  REQUIRE(f.runs("concat") == 20);
  REQUIRE(f.store->result(after).value()->digest == f.store->result(before).value()->digest);
}

TEMPLATE_TEST_CASE("cutoff: what differs is not computed", "", DERIVA_EVERY_EXECUTOR) {
  CutoffFixture f;
  TestType on(f, eager());
  REQUIRE(on.executor.materialize(f.chain("apple", 5)).has_value());
  REQUIRE(on.executor.flush().has_value());
  REQUIRE(text_of(on.executor.materialize(f.chain("banana", 5), f.counted())) == "bbesidebesidebesidebesidebeside");
  REQUIRE(f.outcome.computed == 6);
  REQUIRE(f.outcome.cut_off == 0);
}

TEMPLATE_TEST_CASE("cutoff: a large value is lost, or its dependents run", "", DERIVA_EVERY_EXECUTOR) {
  CutoffFixture f;
  TestType on(f, eager());
  const auto target = [&](std::string_view text) {
    return f.recipe("id", {f.recipe("large", {f.recipe("first letter", {f.leaf(text)})})});
  };
  REQUIRE(on.executor.materialize(target("apple")).has_value());
  REQUIRE(on.executor.flush().has_value());
  REQUIRE(text_of(on.executor.materialize(target("avocado"), f.counted())) == std::string(100'000, 'a'));
  REQUIRE(f.outcome.computed == 1);
  REQUIRE(f.outcome.cut_off == 2);
}

TEST_CASE("cutoff: functions that are shorter than the bound are looked for or indexed, or longer ones are not") {
  CutoffFixture f;
  f.add("slow", [](std::span<const Blob> inputs, const Params&) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(2);
    while (std::chrono::steady_clock::now() < end) std::this_thread::yield();
    return inputs[0];
  });
  ExecutorOptions options = eager();
  options.early_cutoff = std::chrono::milliseconds(2);
  const auto target = [&](std::string_view text) {
    return f.recipe("slow", {f.recipe("concat", {f.recipe("first letter", {f.leaf(text)})})});
  };
  OnThisThread on(f, options);
  REQUIRE(on.executor.materialize(target("apple")).has_value());
  REQUIRE(on.executor.flush().has_value());
  REQUIRE(text_of(on.executor.materialize(target("avocado"), f.counted())) == "a");
  REQUIRE(f.outcome.cut_off == 1);
  REQUIRE(f.runs("slow") == 1);
  REQUIRE(f.runs("concat") == 2);
}

TEST_CASE("cutoff: an executor without it finds or records something") {
  CutoffFixture f;
  ExecutorOptions off = eager();
  off.early_cutoff.reset();
  const auto run = [&](std::string_view text, const ExecutorOptions& options) {
    OnThisThread on(f, options);
    REQUIRE(on.executor.materialize(f.chain(text, 1), f.counted()).has_value());
    return f.outcome.cut_off;
  };
  REQUIRE(run("apple", off) == 0);
  REQUIRE(run("avocado", eager()) == 0);  // The first one was not recorded.
  REQUIRE(run("apricot", off) == 0);
  REQUIRE(run("almond", eager()) == 1);
}

TEST_CASE("cutoff: coroutine and blocking functions run though their result is there, or keep their places") {
  CutoffFixture f;
  f.registry.add({"blocks", "1"}, [](std::span<const Blob> inputs, const Params&) { return inputs[0]; },
                 {.blocking = true});
  f.add_async("waits",
              [](std::vector<Blob> inputs, Params, Context&) -> boost::asio::awaitable<Blob> { co_return inputs[0]; });
  ExecutorOptions options = eager();
  options.coroutine_concurrency = 1;
  options.blocking_concurrency = 1;
  OnPool<2> on(f, options);
  const auto target = [&](std::string_view text) {
    const Address letter = f.recipe("first letter", {f.leaf(text)});
    return f.recipe("concat", {f.recipe("waits", {letter}), f.recipe("blocks", {letter})});
  };
  REQUIRE(on.executor.materialize(target("apple")).has_value());
  for (const char* text : {"avocado", "apricot", "almond"}) {
    REQUIRE(on.executor.flush().has_value());
    REQUIRE(text_of(on.executor.materialize(target(text), f.counted())) == "aa");
    REQUIRE(f.outcome.cut_off == 3);
    REQUIRE(f.outcome.computed == 1);
  }
}

TEMPLATE_TEST_CASE("cutoff: what is to be verified is not run, or not compared with what was found", "",
                   DERIVA_EVERY_EXECUTOR) {
  CutoffFixture f;
  const Address apple = f.recipe("first letter", {f.leaf("apple")});
  const Address avocado = f.recipe("first letter", {f.leaf("avocado")});
  const Address before = f.recipe("concat", {apple});
  const Address after = f.recipe("concat", {avocado});
  const bool differs = GENERATE(false, true);
  {
    TestType on(f, eager());
    REQUIRE(on.executor.materialize(before).has_value());
  }
  if (differs) {  // Another value than the function gives, under the same inputs.
    REQUIRE(f.store->remove(before).value());
    REQUIRE(f.recipe("concat", {apple}) == before);
    ComputedResult other{before, Blob::copy_of("b"), {}, {}};
    other.context.by_inputs = true;
    REQUIRE(f.store->put_results({&other, 1}).has_value());
  }
  TestType on(f, eager());
  MaterializeOptions options = f.counted();
  options.verify = Verify::always();
  REQUIRE(text_of(on.executor.materialize(after, options)) == (differs ? "!not_deterministic" : "a"));
  REQUIRE(f.outcome.cut_off == 0);
  REQUIRE(f.runs("concat") == 3);
  REQUIRE(on.executor.flush().has_value());
  const LedgerEntry entry = f.store->ledger().verdict(after).value().value();
  REQUIRE(entry.times_verified == 2);
  REQUIRE(entry.times_diverged == (differs ? 1U : 0U));
  REQUIRE(f.store->value(after).value().has_value() != differs);
}

TEST_CASE("cutoff: a result that is known to be doubtful is passed on") {
  CutoffFixture f;
  OnThisThread on(f, eager());
  const Address before = f.chain("apple", 1);
  REQUIRE(on.executor.materialize(before).has_value());
  REQUIRE(on.executor.flush().has_value());
  Comparison comparison;
  comparison.address = before;
  comparison.other.failed = true;
  REQUIRE(f.store->put_results({}, {&comparison, 1}).has_value());
  REQUIRE(on.executor.materialize(f.chain("avocado", 1), f.counted()).has_value());
  REQUIRE(f.outcome.cut_off == 0);
  REQUIRE(f.outcome.computed == 2);
}

TEST_CASE("cutoff: a result that was removed is passed on, or another one with the same inputs is not") {
  CutoffFixture f;
  OnThisThread on(f, eager());
  const auto materialize = [&](std::string_view text) {
    REQUIRE(text_of(on.executor.materialize(f.chain(text, 1), f.counted())) == "abeside");
    REQUIRE(on.executor.flush().has_value());
    return f.outcome.cut_off;
  };
  REQUIRE(materialize("apple") == 0);
  REQUIRE(f.store->remove(f.chain("apple", 1)).value());
  REQUIRE(materialize("avocado") == 0);
  REQUIRE(materialize("apricot") == 1);
  REQUIRE(f.store->remove(f.chain("avocado", 1)).value());
  REQUIRE(materialize("almond") == 0);  // What took it from there is not indexed.
  REQUIRE(materialize("anise") == 1);
}

TEST_CASE("cutoff: a request that is cut off tells another progress than it planned") {
  CutoffFixture f;
  OnThisThread on(f, eager());
  REQUIRE(on.executor.materialize(f.chain("apple", 5)).has_value());
  REQUIRE(on.executor.flush().has_value());
  Progress last;
  int announced = 0;
  MaterializeOptions options;
  options.progress_interval = std::chrono::milliseconds(0);
  options.progress = [&](const Progress& progress) { last = progress; };
  options.on_computed = [&](const Computed&) { ++announced; };
  REQUIRE(on.executor.materialize(f.chain("avocado", 5), options).has_value());
  REQUIRE(last.planned == 6);
  REQUIRE(last.computed == 1);
  REQUIRE(last.cut_off == 5);
  REQUIRE(announced == 1);
}

TEST_CASE("cutoff: after a compaction nothing is found, or another recipe's result") {
  CutoffFixture f;
  const Address unneeded = f.recipe("id", {});
  OnThisThread on(f, eager());
  REQUIRE(on.executor.materialize(f.chain("apple", 3)).has_value());
  REQUIRE(on.executor.flush().has_value());
  REQUIRE(f.store->remove(unneeded).value());
  f.compact();
  REQUIRE(text_of(on.executor.materialize(f.chain("avocado", 3), f.counted())) == "abesidebesidebeside");
  REQUIRE(f.outcome.cut_off == 3);
}

}  // namespace
}  // namespace deriva::test
