// What executors store, when, and what others find meanwhile.

#include <future>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"

namespace deriva::test {
namespace {

#define DERIVA_EVERY_EXECUTOR OnPool<1>, OnPool<3>, OnThisThread

TEMPLATE_TEST_CASE("storing: flush stores what was computed, and destruction the rest", "", DERIVA_EVERY_EXECUTOR) {
  ComputeFixture f;
  const Address first = f.recipe("concat", {f.leaf("a")});
  const Address second = f.recipe("concat", {first, first});
  {
    TestType on(f);
    REQUIRE(text_of(on.executor.materialize(first)) == "a");
    REQUIRE(on.executor.flush().has_value());
    REQUIRE(f.store->value(first).value() == Blob::copy_of("a"));
    REQUIRE(on.executor.flush().has_value());  // There is nothing to do.
    REQUIRE(text_of(on.executor.materialize(second)) == "aa");
  }
  REQUIRE(f.store->value(second).value() == Blob::copy_of("aa"));
}

TEST_CASE("storing: a synchronous executor without a flush writes nothing between two calls") {
  ComputeFixture f;
  const Address target = f.recipe("concat", {f.leaf("a")});
  OnThisThread on(f);
  REQUIRE(text_of(on.executor.materialize(target)) == "a");
  REQUIRE_FALSE(f.store->value(target).value());
  REQUIRE(text_of(on.executor.materialize(f.recipe("id", {target}))) == "a");  // It is found all the same.
  REQUIRE(f.runs("concat") == 1);
}

TEST_CASE("storing: async_flush completes when what was computed before it is stored") {
  ComputeFixture f;
  boost::asio::io_context io(1);
  Executor<FunctionRegistry> executor(io.get_executor(), *f.store, f.registry);
  const Address target = f.recipe("concat", {f.leaf("a")});
  auto value = executor.async_materialize(target, {}, boost::asio::use_future);
  auto nothing = executor.async_flush(boost::asio::use_future);
  io.run();
  REQUIRE(nothing.get().has_value());
  REQUIRE(text_of(value.get()) == "a");
  auto flushed = executor.async_flush(boost::asio::use_future);
  io.restart();
  io.run();
  REQUIRE(flushed.get().has_value());
  REQUIRE(f.store->value(target).value() == Blob::copy_of("a"));
}

TEMPLATE_TEST_CASE("storing: an executor that does not store leaves no result behind", "", DERIVA_EVERY_EXECUTOR) {
  ComputeFixture f;
  ExecutorOptions options;
  options.store_results = false;
  const Address inner = f.recipe("concat", {f.leaf("a"), f.leaf("b")});
  const Address target = f.recipe("concat", {inner, inner});
  {
    TestType on(f, options);
    REQUIRE(text_of(on.executor.materialize(target)) == "abab");
    REQUIRE(text_of(on.executor.materialize(target)) == "abab");
    REQUIRE(on.executor.flush().has_value());
    REQUIRE(f.runs() == 2);
    REQUIRE(text_of(on.executor.materialize(f.recipe("id", {target}))) == "abab");  // From the cache.
    REQUIRE(f.runs() == 3);
    REQUIRE(text_of(on.executor.materialize(target, durable())) == "!invalid_argument");
  }
  REQUIRE(f.store->stats().value().results == 0);
}

/// Another value than the function's is in the store already, put there after the request was planned.
struct ContradictionFixture : ComputeFixture {
  ContradictionFixture() {
    add("contradicts", [this](std::span<const Blob>, const Params&) {
      const std::vector<ComputedResult> other{{contradicted, Blob::copy_of("theirs"), {}, {}}};
      if (!store->put_results(other)) throw std::runtime_error("not stored");
      return Blob::copy_of("ours");
    });
    contradicted = recipe("contradicts", {});
  }
  Address contradicted;
};

TEST_CASE("storing: a result that contradicts the stored one concerns those who depend on it, and nobody else") {
  ContradictionFixture f;
  boost::asio::io_context io(1);
  Executor<FunctionRegistry> executor(io.get_executor(), *f.store, f.registry);
  const Address above = f.recipe("id", {f.contradicted});
  const Address beside = f.recipe("concat", {f.leaf("a")});
  auto direct = executor.async_materialize(f.contradicted, durable(), boost::asio::use_future);
  auto indirect = executor.async_materialize(above, durable(), boost::asio::use_future);
  auto other = executor.async_materialize(beside, durable(), boost::asio::use_future);
  io.run();
  REQUIRE(text_of(direct.get()) == "!not_deterministic");
  REQUIRE(text_of(indirect.get()) == "!not_deterministic");
  REQUIRE(text_of(other.get()) == "a");
  REQUIRE(f.store->value(beside).value() == Blob::copy_of("a"));
  REQUIRE(f.store->value(f.contradicted).value() == Blob::copy_of("theirs"));
}

TEST_CASE("storing: a flush tells of a result that was refused, once") {
  ContradictionFixture f;
  OnThisThread on(f);
  REQUIRE(text_of(on.executor.materialize(f.contradicted)) == "ours");
  const Result<void> flushed = on.executor.flush();
  REQUIRE(flushed.has_error());
  REQUIRE(flushed.error().code() == Errc::not_deterministic);
  REQUIRE(on.executor.flush().has_value());
}

TEST_CASE("storing: a function cannot say itself that it is not deterministic") {
  ComputeFixture f;
  f.add("lies", [](std::span<const Blob>, const Params&) -> Result<Blob> { return Error(Errc::not_deterministic); });
  OnThisThread on(f);
  REQUIRE(text_of(on.executor.materialize(f.recipe("lies", {}))) == "!function_failed");
}

TEST_CASE(
    "storing: of two executors with different functions on one store, one takes the other's function for its own") {
  ComputeFixture f;
  FunctionRegistry other;
  other.add({"upper", "1"}, [](std::span<const Blob> inputs, const Params&) {
    std::string text(as_text(inputs[0]));
    for (char& c : text) c = static_cast<char>(c - 'a' + 'A');
    return Blob::adopt(std::move(text));
  });
  SyncExecutor first(*f.store, f.registry);
  SyncExecutor second(*f.store, other);
  const Address upper = f.recipe("upper", {f.leaf("a")});
  const Address both = f.recipe("concat", {upper, f.leaf("b")});
  REQUIRE(text_of(first.materialize(both)) == "!function_not_found");
  REQUIRE(text_of(second.materialize(both)) == "!function_not_found");
  REQUIRE(text_of(second.materialize(upper, durable())) == "A");
  REQUIRE(text_of(first.materialize(both)) == "Ab");  // It does not need the function, only the value.
  REQUIRE(f.runs("concat") == 1);
}

TEST_CASE(
    "storing: of two executors that define a function differently, the later one replaces the first one's value") {
  ComputeFixture f;
  FunctionRegistry other;
  other.add({"concat", "1"}, [](std::span<const Blob>, const Params&) { return Blob::copy_of("another"); });
  SyncExecutor first(*f.store, f.registry);
  SyncExecutor second(*f.store, other);
  const Address target = f.recipe("concat", {f.leaf("a")});
  REQUIRE(text_of(first.materialize(target, durable())) == "a");
  REQUIRE(text_of(second.materialize(target)) == "a");
  MaterializeOptions again = durable();
  again.recompute = Recompute::target;
  REQUIRE(text_of(second.materialize(target, again)) == "!not_deterministic");
  REQUIRE(text_of(first.materialize(target)) == "a");
  static_cast<void>(second.flush());  // The verdict, with the refusal as its error.
  REQUIRE(f.store->ledger().verdict(target).value()->verdict == Verdict::diverged);
}

}  // namespace
}  // namespace deriva::test
