#include <deriva/compute/executor.hpp>

#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"
#include "unit/store/damage.hpp"

namespace deriva::test {
namespace {

#define DERIVA_EVERY_EXECUTOR OnPool<1>, OnPool<3>, OnThisThread

TEMPLATE_TEST_CASE("executor: a leaf is given as it is, also an empty one", "", DERIVA_EVERY_EXECUTOR) {
  ComputeFixture f;
  TestType on(f);
  REQUIRE(text_of(on.executor.materialize(f.leaf("bytes"))) == "bytes");
  const Result<Blob> empty = on.executor.materialize(f.leaf(""));
  REQUIRE(empty.has_value());
  REQUIRE(empty->empty());
  REQUIRE(f.runs() == 0);
}

TEMPLATE_TEST_CASE("executor: identity, concatenation, params", "", DERIVA_EVERY_EXECUTOR) {
  ComputeFixture f;
  TestType on(f);
  const Address a = f.leaf("a");
  const Address b = f.leaf("b");
  REQUIRE(text_of(on.executor.materialize(f.recipe("id", {a}))) == "a");
  REQUIRE(text_of(on.executor.materialize(f.recipe("concat", {a, b}))) == "ab");
  REQUIRE(text_of(on.executor.materialize(f.recipe("concat", {b, a}, {{"prefix", std::string("-")}}))) == "-ba");
}

TEMPLATE_TEST_CASE("executor: a recipe without inputs calls its function with none", "", DERIVA_EVERY_EXECUTOR) {
  ComputeFixture f;
  TestType on(f);
  const Result<Blob> value = on.executor.materialize(f.recipe("concat", {}));
  REQUIRE(value.has_value());
  REQUIRE(value->empty());
  REQUIRE(f.runs("concat") == 1);
}

TEMPLATE_TEST_CASE("executor: a chain, and its intermediate results are kept", "", DERIVA_EVERY_EXECUTOR) {
  ComputeFixture f;
  TestType on(f);
  Address end = f.leaf("x");
  std::vector<Address> steps;
  for (int i = 0; i < 50; ++i) {
    end = f.recipe("concat", {end}, {{"prefix", std::string(1, static_cast<char>('A' + i % 26))}});
    steps.push_back(end);
  }
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  const std::string forwards = alphabet + alphabet.substr(0, 24);
  const std::string value = std::string(forwards.rbegin(), forwards.rend()) + "x";
  REQUIRE(text_of(on.executor.materialize(end)) == value);
  REQUIRE(f.runs() == 50);
  REQUIRE(text_of(on.executor.materialize(steps[2])) == "CBAx");
  REQUIRE(f.runs() == 50);
}

TEMPLATE_TEST_CASE("executor: a diamond computes what is shared once", "", DERIVA_EVERY_EXECUTOR) {
  ComputeFixture f;
  TestType on(f);
  const Address a = f.recipe("id", {f.leaf("a")});
  const Address ab = f.recipe("concat", {a, f.leaf("b")});
  REQUIRE(text_of(on.executor.materialize(f.recipe("concat", {ab, a}))) == "aba");
  REQUIRE(f.runs("id") == 1);
  REQUIRE(f.runs("concat") == 2);
}

TEMPLATE_TEST_CASE("executor: the same address twice in the inputs is computed once", "", DERIVA_EVERY_EXECUTOR) {
  ComputeFixture f;
  TestType on(f);
  const Address x = f.recipe("id", {f.leaf("x")});
  REQUIRE(text_of(on.executor.materialize(f.recipe("concat", {x, x, x}))) == "xxx");
  REQUIRE(f.runs("id") == 1);
}

TEMPLATE_TEST_CASE("executor: inputs come in the order of the recipe", "", DERIVA_EVERY_EXECUTOR) {
  ComputeFixture f;
  TestType on(f);
  std::vector<Address> inputs;
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    const std::string text = std::to_string(i * 7 % 100) + " ";
    inputs.push_back(i % 3 == 0 ? f.leaf(text) : f.recipe("concat", {f.leaf(text)}));
    expected += text;
  }
  REQUIRE(text_of(on.executor.materialize(f.recipe("concat", inputs))) == expected);
}

TEMPLATE_TEST_CASE("executor: an unknown target and a missing input are not_found with their address", "",
                   DERIVA_EVERY_EXECUTOR) {
  ComputeFixture f;
  TestType on(f);
  const Address nowhere = Address::of_leaf(as_bytes("never stored"));
  const Address dependent = f.recipe("concat", {f.leaf("a"), nowhere});
  for (const Address& target : {nowhere, dependent, f.recipe("id", {dependent})}) {
    const Result<Blob> value = on.executor.materialize(target);
    REQUIRE(text_of(value) == "!not_found");
    REQUIRE(value.error().address() != nullptr);
    REQUIRE(*value.error().address() == nowhere);
  }
  REQUIRE(f.runs() == 0);
  f.leaf("never stored");
  REQUIRE(text_of(on.executor.materialize(dependent)) == "anever stored");
}

TEMPLATE_TEST_CASE("executor: a function that nobody added is function_not_found with its id", "",
                   DERIVA_EVERY_EXECUTOR) {
  ComputeFixture f;
  TestType on(f);
  const Address unknown = f.store->put_recipe({{"concat", "2"}, {}, {}}).value();
  const Result<Blob> value = on.executor.materialize(f.recipe("id", {unknown}));
  REQUIRE(text_of(value) == "!function_not_found");
  REQUIRE(value.error().address() != nullptr);
  REQUIRE(*value.error().address() == unknown);
  REQUIRE(value.error().function() != nullptr);
  REQUIRE(*value.error().function() == FunctionId{"concat", "2"});
}

TEMPLATE_TEST_CASE("executor: whatever a function throws or returns as an error is function_failed", "",
                   DERIVA_EVERY_EXECUTOR) {
  ComputeFixture f;
  f.add("throws", [](std::span<const Blob>, const Params&) -> Blob { throw std::runtime_error("out of luck"); });
  f.add("throws_int", [](std::span<const Blob>, const Params&) -> Blob { throw 42; });
  f.add("no_memory", [](std::span<const Blob>, const Params&) -> Blob { throw std::bad_alloc(); });
  f.add("returns",
        [](std::span<const Blob>, const Params&) -> Result<Blob> { return Error(Errc::disk_full, "out of luck"); });
  TestType on(f);
  for (const std::string name : {"throws", "throws_int", "no_memory", "returns"}) {
    INFO(name);
    const Address failing = f.recipe(name, {f.leaf("a")});
    const Result<Blob> value = on.executor.materialize(f.recipe("id", {failing}));
    REQUIRE(text_of(value) == "!function_failed");
    REQUIRE(value.error().address() != nullptr);
    REQUIRE(*value.error().address() == failing);
    REQUIRE(value.error().function() != nullptr);
    REQUIRE(*value.error().function() == FunctionId{name, "1"});
    if (name == "throws" || name == "returns") REQUIRE_THAT(value.error().message(), contains("out of luck"));
    REQUIRE_FALSE(f.store->result(failing).value());
    REQUIRE_FALSE(f.store->value(failing).value());
  }
  REQUIRE(f.runs("id") == 0);
}

TEMPLATE_TEST_CASE("executor: an error is not remembered", "", DERIVA_EVERY_EXECUTOR) {
  ComputeFixture f;
  f.add("third_time", [&f](std::span<const Blob>, const Params&) {
    if (f.runs("third_time") < 3) throw std::runtime_error("not yet");
    return Blob::copy_of("now");
  });
  TestType on(f);
  const Address target = f.recipe("id", {f.recipe("third_time", {})});
  REQUIRE(text_of(on.executor.materialize(target)) == "!function_failed");
  REQUIRE(text_of(on.executor.materialize(target)) == "!function_failed");
  REQUIRE(text_of(on.executor.materialize(target)) == "now");
  REQUIRE(text_of(on.executor.materialize(target)) == "now");
  REQUIRE(f.runs("third_time") == 3);
}

TEMPLATE_TEST_CASE("executor: results are in the store when a durable request returns, and outlive it", "",
                   DERIVA_EVERY_EXECUTOR) {
  ComputeFixture f;
  const Address inner = f.recipe("concat", {f.leaf("a"), f.leaf("b")});
  const Address target = f.recipe("id", {inner});
  {
    TestType on(f);
    REQUIRE(text_of(on.executor.materialize(target, durable())) == "ab");
    for (const Address& address : {inner, target}) {
      REQUIRE(f.store->value(address).value() == Blob::copy_of("ab"));
      REQUIRE(f.store->result(address).value()->digest == Digest::of(as_bytes("ab")));
    }
  }
  f.reopen();
  TestType on(f);
  REQUIRE(text_of(on.executor.materialize(target)) == "ab");
  REQUIRE(text_of(on.executor.materialize(inner)) == "ab");
  REQUIRE(f.runs() == 2);
}

TEMPLATE_TEST_CASE("executor: what is stored bounds what is computed", "", DERIVA_EVERY_EXECUTOR) {
  ComputeFixture f;
  const Address missing = Address::of_leaf(as_bytes("thrown away"));
  const Address inner = f.recipe("concat", {missing});
  REQUIRE(f.store->put_results(std::vector<ComputedResult>{{inner, Blob::copy_of("kept"), {}, {}}}));
  TestType on(f);
  REQUIRE(text_of(on.executor.materialize(f.recipe("id", {inner}))) == "kept");
  REQUIRE(f.runs("concat") == 0);
}

TEMPLATE_TEST_CASE("executor: a leaf with the bytes of a recipe does not take the recipe's place", "",
                   DERIVA_EVERY_EXECUTOR) {
  ComputeFixture f;
  const Recipe recipe{{"concat", "1"}, {f.leaf("a")}, {}};
  const Address leaf = f.store->put_leaf(encode(recipe)).value();
  const Address target = f.store->put_recipe(recipe).value();
  REQUIRE(leaf != target);
  TestType on(f);
  REQUIRE(text_of(on.executor.materialize(target)) == "a");
  REQUIRE(on.executor.materialize(leaf).value().view().size() == encode(recipe).size());
}

TEST_CASE("executor: a damaged recipe fails the requests that depend on it, with its address, and no others") {
  ComputeFixture f;
  const Address damaged = f.recipe("concat", {});
  const Address inner = f.recipe("id", {f.leaf("a")});
  const Address with_damaged = f.recipe("concat", {inner, damaged});
  const Address without = f.recipe("concat", {inner, inner});
  auto environment = Environment::open(f.directory.path(), {.durability = Durability::relaxed}).value();
  const auto id = node_of(environment, damaged);
  forge_payload(environment, id, 0, std::byte{99});
  boost::asio::io_context io(1);
  Executor<FunctionRegistry> executor(io.get_executor(), *f.store, f.registry);
  // Both are explored at once.
  auto bad = executor.async_materialize(with_damaged, {}, boost::asio::use_future);
  auto good = executor.async_materialize(without, {}, boost::asio::use_future);
  io.run();
  REQUIRE(text_of(good.get()) == "aa");
  const Result<Blob> value = bad.get();
  REQUIRE(text_of(value) == "!corrupted");
  REQUIRE(*value.error().address() == damaged);
}

TEMPLATE_TEST_CASE("executor: a value that is larger than the cache, and no cache at all", "", DERIVA_EVERY_EXECUTOR) {
  ComputeFixture f;
  f.add("large", [](std::span<const Blob>, const Params&) { return Blob::adopt(std::string(100'000, 'x')); });
  ExecutorOptions options;
  options.cache_bytes = GENERATE(0U, 1'000U);
  TestType on(f, options);
  const Address large = f.recipe("large", {});
  REQUIRE(on.executor.materialize(f.recipe("concat", {large, large})).value().size() == 200'000);
  REQUIRE(on.executor.materialize(large).value().size() == 100'000);
  REQUIRE(f.runs() == 2);
}

TEMPLATE_TEST_CASE("executor: materialize inside a function is refused, for it would hold its slot", "",
                   DERIVA_EVERY_EXECUTOR) {
  ComputeFixture f;
  TestType* inner = nullptr;
  const Address leaf = f.leaf("a");
  Errc code{};
  f.add("nested", [&](std::span<const Blob>, const Params&) {
    code = inner->executor.materialize(leaf).error().code();
    return Blob();
  });
  TestType on(f);
  inner = &on;
  REQUIRE(text_of(on.executor.materialize(f.recipe("nested", {}))).empty());
  REQUIRE(code == Errc::invalid_argument);
  REQUIRE(text_of(on.executor.materialize(leaf)) == "a");  // And is allowed again outside.
}

}  // namespace
}  // namespace deriva::test
