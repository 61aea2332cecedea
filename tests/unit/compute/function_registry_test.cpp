#include <deriva/compute/function_registry.hpp>

#include <string>
#include <vector>

#include "support/catch.hpp"

namespace deriva::test {
namespace {

Function says(const char* text) {
  return Function::plain([text](std::span<const Blob>, const Params&) { return Blob::copy_of(text); });
}
std::string call(const Function& function) {
  return std::string(as_text(function.call(std::vector<Blob>(), {}).value()));
}

static_assert(ComputeRegistry<FunctionRegistry>);

TEST_CASE("function registry: finds a function by name and version, and nothing else") {
  FunctionRegistry registry;
  registry.add({"a", "1"}, says("a1"));
  registry.add({"a", "2"}, says("a2"));
  registry.add({"b", ""}, says("b"));
  REQUIRE(registry.size() == 3);
  REQUIRE(call(registry.find({"a", "1"})) == "a1");
  REQUIRE(call(registry.find({"a", "2"})) == "a2");
  REQUIRE(call(registry.find({"b", ""})) == "b");
  REQUIRE_FALSE(registry.find({"a", "3"}));
  REQUIRE_FALSE(registry.find({"c", "1"}));
}

TEST_CASE("function registry: takes callables of both kinds") {
  FunctionRegistry registry;
  registry.add({"plain", "1"}, [](std::span<const Blob>, const Params&) { return Blob(); });
  registry.add_async({"coroutine", "1"},
                     [](std::vector<Blob>, Params, Context&) -> boost::asio::awaitable<Blob> { co_return Blob(); });
  REQUIRE_FALSE(registry.find({"plain", "1"}).is_coroutine());
  REQUIRE(registry.find({"coroutine", "1"}).is_coroutine());
}

TEST_CASE("function registry: refuses a second function of one name and version, and keeps the first") {
  FunctionRegistry registry;
  registry.add({"a", "1"}, says("first"));
  try {
    registry.add({"a", "1"}, says("second"));
    FAIL("was accepted");
  } catch (const Exception& refused) {
    REQUIRE(refused.error().code() == Errc::invalid_argument);
    REQUIRE(*refused.error().function() == FunctionId{"a", "1"});
  }
  REQUIRE(registry.size() == 1);
  REQUIRE(call(registry.find({"a", "1"})) == "first");
}

TEST_CASE("function registry: refuses a function without a name") {
  FunctionRegistry registry;
  REQUIRE_THROWS_AS(registry.add({"", "1"}, says("x")), Exception);
  REQUIRE(registry.size() == 0);
}

}  // namespace
}  // namespace deriva::test
