#include <deriva/compute/static_registry.hpp>

#include <string>
#include <vector>

#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"

namespace deriva::test {
namespace {

constexpr auto join = [](std::span<const Blob> inputs, const Params&) {
  std::string text;
  for (const Blob& input : inputs) text += as_text(input);
  return Blob::adopt(std::move(text));
};
constexpr auto first = [](std::vector<Blob> inputs, Params, Context&) -> boost::asio::awaitable<Blob> {
  co_return inputs[0];
};

using Functions = StaticRegistry<StaticFunction<"join", "1", join>, StaticFunction<"first", "1", first>,
                                 StaticFunction<"first", "2", first>>;
static_assert(ComputeRegistry<Functions> && ComputeRegistry<StaticRegistry<>>);
static_assert(Functions::size() == 3 && StaticRegistry<>::size() == 0);

TEST_CASE("static registry: finds a function by name and version, and nothing else") {
  const Functions functions;
  REQUIRE(functions.find({"join", "1"}));
  REQUIRE_FALSE(functions.find({"join", "1"}).is_coroutine());
  REQUIRE(functions.find({"first", "2"}).is_coroutine());
  REQUIRE_FALSE(functions.find({"join", "2"}));
  REQUIRE_FALSE(functions.find({"joi", "1"}));
  REQUIRE_FALSE(StaticRegistry<>().find({"join", "1"}));
}

TEST_CASE("static registry: an executor computes with it") {
  ComputeFixture f;
  const Functions functions;
  SyncExecutor executor(*f.store, functions);
  const Address ab = f.recipe("join", {f.leaf("a"), f.leaf("b")});
  REQUIRE(text_of(executor.materialize(f.recipe("first", {ab}))) == "ab");
}

}  // namespace
}  // namespace deriva::test
