#include <deriva/compute/static_registry.hpp>

#include <string>
#include <type_traits>
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

// Found while this is compiled, without a Function in between.
static_assert(Functions::index_of("join", "1") == 0 && Functions::index_of("first", "2") == 2);
static_assert(Functions::index_of("join", "2") == Functions::size() && StaticRegistry<>::index_of("join", "1") == 0);
static_assert(std::is_same_v<decltype(Functions::callable<"join", "1">()), std::remove_const_t<decltype(join)>>);

TEST_CASE("static registry: finds a function by name and version, and nothing else") {
  const Functions functions;
  REQUIRE(functions.find({"join", "1"}));
  REQUIRE_FALSE(functions.find({"join", "1"}).is_coroutine());
  REQUIRE(functions.find({"first", "2"}).is_coroutine());
  REQUIRE_FALSE(functions.find({"join", "2"}));
  REQUIRE_FALSE(functions.find({"joi", "1"}));
  REQUIRE_FALSE(StaticRegistry<>().find({"join", "1"}));
}

TEST_CASE("static registry: who names a function in the source calls it directly") {
  const std::vector<Blob> inputs{Blob::copy_of("a"), Blob::copy_of("b")};
  REQUIRE(Functions::callable<"join", "1">()(inputs, Params()) == Blob::copy_of("ab"));
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
