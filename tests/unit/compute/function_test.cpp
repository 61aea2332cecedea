#include <deriva/compute/function.hpp>

#include <memory>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include "support/catch.hpp"

namespace deriva::test {
namespace {

namespace asio = boost::asio;

Blob plain(std::span<const Blob> inputs, const Params&) { return inputs[0]; }
Result<Blob> plain_result(std::span<const Blob>, const Params&) { return Error(Errc::io_error); }
asio::awaitable<Blob> coroutine(std::vector<Blob> inputs, Params, Context&) { co_return inputs[0]; }
asio::awaitable<Result<Blob>> coroutine_result(std::vector<Blob>, Params, Context&) { co_return Error(Errc::io_error); }
using Other = int (*)(std::span<const Blob>, const Params&);
using OtherCoroutine = asio::awaitable<int> (*)(std::vector<Blob>, Params, Context&);

static_assert(PlainFunction<decltype(&plain)> && PlainFunction<decltype(&plain_result)>);
static_assert(CoroutineFunction<decltype(&coroutine)> && CoroutineFunction<decltype(&coroutine_result)>);
static_assert(!PlainFunction<decltype(&coroutine)> && !CoroutineFunction<decltype(&plain)>);
static_assert(!PlainFunction<Other> && !CoroutineFunction<OtherCoroutine>);
static_assert(!PlainFunction<int> && !CoroutineFunction<int>);

Result<Blob> run(const Function& function, std::vector<Blob> inputs) {
  asio::io_context io;
  Context context(io.get_executor(), Address(), {});
  auto value = asio::co_spawn(io, function.call(std::move(inputs), {}, context), asio::use_future);
  io.run();
  return value.get();
}

TEST_CASE("function: an empty one is false and no coroutine") {
  const Function function;
  REQUIRE_FALSE(function);
  REQUIRE_FALSE(function.is_coroutine());
}

TEST_CASE("function: a plain one is called with its inputs") {
  const Function function = Function::plain(plain);
  REQUIRE(function);
  REQUIRE_FALSE(function.is_coroutine());
  const std::vector<Blob> inputs{Blob::copy_of("a")};
  REQUIRE(function.call(inputs, {}).value() == inputs[0]);
  REQUIRE(Function::plain(plain_result).call(inputs, {}).error().code() == Errc::io_error);
}

TEST_CASE("function: a coroutine one is run with its inputs") {
  const Function function = Function::coroutine(coroutine);
  REQUIRE(function.is_coroutine());
  REQUIRE(run(function, {Blob::copy_of("a")}).value() == Blob::copy_of("a"));
  REQUIRE(run(Function::coroutine(coroutine_result), {}).error().code() == Errc::io_error);
}

TEST_CASE("function: one kind that is called as the other is an error") {
  REQUIRE(Function::coroutine(coroutine).call(std::vector<Blob>(), {}).error().code() == Errc::invalid_argument);
  REQUIRE(run(Function::plain(plain), {}).error().code() == Errc::invalid_argument);
}

TEST_CASE("function: copies share the callable, which lives as long as any of them") {
  auto held = std::make_shared<int>(1);
  Function first = Function::plain([held](std::span<const Blob>, const Params&) { return Blob(); });
  const Function second = first;
  first = Function();
  REQUIRE(held.use_count() == 2);
  REQUIRE(second.call(std::vector<Blob>(), {}).has_value());
}

}  // namespace
}  // namespace deriva::test
