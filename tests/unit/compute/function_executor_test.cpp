#include "compute/function_executor.hpp"

#include <memory>

#include <boost/asio/defer.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "support/catch.hpp"

namespace deriva::test {
namespace {

namespace asio = boost::asio;
namespace execution = boost::asio::execution;
using detail::FunctionExecutor;
using detail::FunctionScope;
using detail::in_function;

static_assert(sizeof(FunctionExecutor) <= sizeof(std::shared_ptr<void>) + sizeof(void*),
              "an any_io_executor would keep it on the heap");

struct OnContext {
  asio::io_context context{1};
  FunctionExecutor executor = FunctionExecutor::on(context.get_executor());
  asio::any_io_executor any{executor};
};

TEST_CASE("function executor: what it runs is in a function, however it is given, and nothing else is") {
  OnContext on;
  int in = 0;
  const auto look = [&] { in += in_function() ? 1 : 0; };
  asio::post(on.any, look);
  asio::defer(on.any, look);
  asio::dispatch(on.any, look);
  asio::post(on.context, [&] {
    REQUIRE_FALSE(in_function());
    asio::dispatch(on.any, look);
    REQUIRE(in == 4);  // It ran at once.
    REQUIRE_FALSE(in_function());
  });
  REQUIRE(in == 0);
  on.context.run();
  REQUIRE(in == 4);
  REQUIRE_FALSE(in_function());
}

TEST_CASE("function executor: what a function posts runs outside of it, what it runs inline does not take it out") {
  OnContext on;
  bool outside = false;
  asio::post(on.any, [&] {
    asio::post(on.context, [&] { outside = !in_function(); });
    REQUIRE_FALSE(outside);
    asio::dispatch(on.any, [] { REQUIRE(in_function()); });
    REQUIRE(in_function());
  });
  on.context.run();
  REQUIRE(outside);
}

TEST_CASE("function executor: a task that throws does not leave its thread in a function") {
  OnContext on;
  asio::post(on.any, [] { throw 1; });
  REQUIRE_THROWS_AS(on.context.run(), int);
  REQUIRE_FALSE(in_function());
}

TEST_CASE("function executor: the context has work as long as any that is tracked is left, and no longer") {
  OnContext on;
  const auto has_work = [&] {
    on.context.restart();
    on.context.poll();
    return !on.context.stopped();
  };
  REQUIRE_FALSE(has_work());
  asio::any_io_executor first = asio::prefer(on.any, execution::outstanding_work.tracked);
  asio::any_io_executor copy = asio::prefer(first, execution::outstanding_work.tracked);
  REQUIRE(has_work());
  first = asio::prefer(first, execution::outstanding_work.untracked);
  REQUIRE(has_work());
  copy = {};
  REQUIRE_FALSE(has_work());
  const asio::any_io_executor again = asio::prefer(first, execution::outstanding_work.tracked);
  REQUIRE(has_work());
}

TEST_CASE("function executor: equal are those of one I/O executor that run alike") {
  OnContext on;
  REQUIRE(on.any == asio::any_io_executor(on.executor));
  REQUIRE(on.any != asio::any_io_executor(FunctionExecutor::on(on.context.get_executor())));
  const asio::any_io_executor never = asio::require(on.any, execution::blocking.never);
  REQUIRE(never != on.any);
  REQUIRE(asio::prefer(never, execution::blocking.possibly) == on.any);
  REQUIRE(&asio::query(on.any, execution::context) == &on.context);
}

TEST_CASE("function executor: one that must not block posts, also where the context runs") {
  OnContext on;
  bool ran = false;
  asio::post(on.context, [&] {
    asio::require(on.any, execution::blocking.never).execute([&] { ran = true; });
    REQUIRE_FALSE(ran);
  });
  on.context.run();
  REQUIRE(ran);
}

TEST_CASE("function executor: is as good as ever when the one it was copied from is gone") {
  asio::io_context context(1);
  auto first = std::make_unique<FunctionExecutor>(FunctionExecutor::on(context.get_executor()));
  const asio::any_io_executor left(*first);
  first.reset();
  bool in = false;
  asio::post(left, [&] { in = in_function(); });
  context.run();
  REQUIRE(in);
}

}  // namespace
}  // namespace deriva::test
