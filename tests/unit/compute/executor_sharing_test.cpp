// Several executors on one store: what one of them computes, the others wait for.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "compute/engine.hpp"
#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"
#include "unit/compute/gated_io.hpp"
#include "unit/compute/seeded_scheduler.hpp"

namespace deriva::test {
namespace {

namespace asio = boost::asio;

/// Two executors that run when the test polls, and "gated", a coroutine that waits for the test.
struct SharingFixture : ComputeFixture, GatedIo {
  SharingFixture() {
    add_async("gated", [this](std::vector<Blob>, Params, Context& context) -> asio::awaitable<Result<Blob>> {
      stops.push_back(context.stop_token());
      co_await pass_gate();
      if (fails) co_return Error(Errc::io_error, "not today");
      co_return Blob::copy_of("g");
    });
  }

  struct Request {
    asio::cancellation_signal signal;
    std::string seen;
    Outcome outcome;
  };
  void start(Executor<FunctionRegistry>& executor, Request& request, const Address& target,
             MaterializeOptions options = {}) {
    options.outcome = &request.outcome;
    executor.async_materialize(target, options,
                               asio::bind_cancellation_slot(request.signal.slot(), [&](const Result<Blob>& value) {
                                 request.seen = text_of(value);
                               }));
  }
  /// The second one asks when the first one has begun.
  void start_both(const Address& target, const MaterializeOptions& options = {},
                  const MaterializeOptions& others = {}) {
    start(*one, first, target, options);
    poll();
    start(*other, second, target, others);
    poll();
  }
  std::unique_ptr<Executor<FunctionRegistry>> executor(const ExecutorOptions& options = {}) {
    return std::make_unique<Executor<FunctionRegistry>>(io.get_executor(), *store, registry, options);
  }

  std::vector<std::stop_token> stops;
  bool fails = false;
  Request first;
  Request second;
  std::unique_ptr<Executor<FunctionRegistry>> one = executor();
  std::unique_ptr<Executor<FunctionRegistry>> other = executor();
};

TEST_CASE("sharing: what one executor computes, another one waits for, and counts as joined") {
  SharingFixture f;
  const Address target = f.recipe("concat", {f.recipe("gated", {})});
  f.start_both(target);
  REQUIRE(f.second.seen.empty());
  f.open_gate();
  REQUIRE(f.first.seen == "g");
  REQUIRE(f.second.seen == "g");
  REQUIRE(f.runs("gated") == 1);
  REQUIRE(f.runs("concat") == 1);
  REQUIRE(f.first.outcome.computed + f.second.outcome.computed == 2);
  REQUIRE(f.second.outcome.joined >= 1);
  REQUIRE(f.second.outcome.running + f.second.outcome.never_started + f.second.outcome.failed == 0);
}

TEST_CASE("sharing: an executor that is made while another one computes does not begin the same") {
  SharingFixture f;
  f.other.reset();
  const Address target = f.recipe("gated", {});
  f.start(*f.one, f.first, target);
  f.poll();
  f.other = f.executor();
  f.start(*f.other, f.second, target);
  f.poll();
  f.open_gate();
  REQUIRE(f.first.seen == "g");
  REQUIRE(f.second.seen == "g");
  REQUIRE(f.runs("gated") == 1);
}

TEST_CASE("sharing: an error goes to those who wait in another executor, and is not remembered") {
  SharingFixture f;
  SharingFixture::Request third;
  const Address target = f.recipe("concat", {f.recipe("gated", {})});
  f.fails = true;
  f.start_both(target);
  f.open_gate();
  REQUIRE(f.first.seen == "!function_failed");
  REQUIRE(f.second.seen == "!function_failed");
  REQUIRE(f.runs("gated") == 1);
  f.fails = false;
  f.start(*f.other, third, target);
  f.poll();
  f.open_gate();
  REQUIRE(third.seen == "g");
  REQUIRE(f.runs("gated") == 2);
}

TEST_CASE("sharing: a function goes on as long as anybody waits for it in any executor, and no longer") {
  SharingFixture f;
  SharingFixture::Request third;
  const Address target = f.recipe("gated", {});
  f.start_both(target);
  f.first.signal.emit(asio::cancellation_type::terminal);
  f.poll();
  REQUIRE(f.first.seen == "!cancelled");
  REQUIRE_FALSE(f.stops.at(0).stop_requested());
  f.second.signal.emit(asio::cancellation_type::terminal);
  REQUIRE(f.stops.at(0).stop_requested());
  f.start(*f.other, third, target);  // Before the first run has ended.
  f.poll();
  REQUIRE(f.runs("gated") == 2);
  f.open_gate();
  REQUIRE(f.second.seen == "!cancelled");
  REQUIRE(third.seen == "g");
}

TEST_CASE("sharing: when the executor that computes is destroyed, the one that waits computes") {
  SharingFixture f;
  const Address target = f.recipe("concat", {f.recipe("gated", {})});
  f.start_both(target);
  REQUIRE(f.runs("gated") == 1);
  f.one.reset();
  f.poll();
  REQUIRE(f.first.seen == "!cancelled");
  REQUIRE(f.stops.at(0).stop_requested());
  REQUIRE(f.runs("gated") == 2);
  f.open_gate();
  REQUIRE(f.second.seen == "g");
  REQUIRE(f.second.outcome.computed == 2);
  REQUIRE(f.second.outcome.joined == 0);
}

TEST_CASE("sharing: an executor that waits may be destroyed, and the one that computes goes on") {
  SharingFixture f;
  const Address target = f.recipe("gated", {});
  f.start_both(target);
  f.other.reset();
  REQUIRE_FALSE(f.stops.at(0).stop_requested());
  f.open_gate();
  REQUIRE(f.first.seen == "g");
  REQUIRE(f.second.seen == "!cancelled");
  REQUIRE(f.runs("gated") == 1);
}

TEST_CASE("sharing: a value that the computing executor does not store is stored by the one that waits") {
  SharingFixture f;
  ExecutorOptions forgets;
  forgets.store_results = false;
  f.one = f.executor(forgets);
  const Address target = f.recipe("gated", {});
  f.start_both(target, {}, durable());
  f.open_gate();
  REQUIRE(f.first.seen == "g");
  REQUIRE(f.second.seen == "g");
  REQUIRE(f.store->value(target).value());
  REQUIRE(f.runs("gated") == 1);
}

TEST_CASE("sharing: what runs again although it is stored is joined while it runs, and runs again otherwise") {
  SharingFixture f;
  MaterializeOptions again;
  again.recompute = Recompute::target;
  const Address target = f.recipe("gated", {});
  SharingFixture::Request before;
  f.start(*f.one, before, target);
  f.poll();
  f.open_gate();
  REQUIRE(f.runs("gated") == 1);
  f.start_both(target, again, again);
  REQUIRE(f.runs("gated") == 2);
  f.open_gate();
  REQUIRE(f.second.outcome.joined == 1);
  SharingFixture::Request third;
  f.start(*f.other, third, target, again);
  f.poll();
  f.open_gate();
  REQUIRE(third.seen == "g");
  REQUIRE(third.outcome.computed == 1);
  REQUIRE(f.runs("gated") == 3);
}

/// An engine that makes one step at a time.
struct Stepped {
  Stepped(ComputeFixture& f, Random& random) {
    auto made = std::make_unique<SeededScheduler>(random);
    scheduler = made.get();
    engine = detail::Engine::make(std::move(made), *f.store, f.resolver(), ExecutorOptions{});
  }
  Stepped(const Stepped&) = delete;
  Stepped& operator=(const Stepped&) = delete;
  ~Stepped() { engine->shutdown(); }

  struct Noted final : detail::Completion<Blob> {
    explicit Noted(std::string& seen) : seen_(seen) {}
    void complete(Result<Blob> result) noexcept override {
      seen_ = text_of(result);
      delete this;
    }
    void destroy() noexcept override { delete this; }
    std::string& seen_;
  };
  void start(const Address& target, std::string& seen, const MaterializeOptions& options = {}) const {
    engine->start(engine->next_request(), target, options, detail::Completion<Blob>::Ptr(new Noted(seen)));
  }

  SeededScheduler* scheduler;
  std::shared_ptr<detail::Engine> engine;
};

TEST_CASE("sharing: a value that is not stored yet answers those in other executors, but not who wants it again") {
  ComputeFixture f;
  Random random(1);
  Stepped one(f, random);
  Stepped other(f, random);
  const bool again = GENERATE(false, true);
  MaterializeOptions options;
  if (again) options.recompute = Recompute::target;
  const Address target = f.recipe("concat", {});
  if (again) f.store_as(target, "");
  const auto ask = [&](const Stepped& executor) {
    std::string seen = "none";
    executor.start(target, seen, options);
    while (seen == "none") REQUIRE(executor.scheduler->step());
    REQUIRE(seen.empty());
  };
  ask(one);  // It has not written by now.
  REQUIRE(f.store->result(target).value().has_value() == again);
  ask(other);
  REQUIRE(f.runs("concat") == (again ? 2 : 1));
}

TEST_CASE("sharing: functions of two executors that ask for each other get the cycle, and do not hang") {
  ComputeFixture f;
  asio::io_context io{1};
  Address one;
  Address other;
  bool may_ask = false;
  asio::steady_timer gate{io, asio::steady_timer::time_point::max()};
  f.add_async("asks", [&](std::vector<Blob>, Params params, Context& context) -> asio::awaitable<Result<Blob>> {
    boost::system::error_code woken;
    if (!may_ask) co_await gate.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    co_return co_await context.materialize(std::get<std::int64_t>(params.at("number")) == 1 ? other : one);
  });
  one = f.numbered("asks", 1);
  other = f.numbered("asks", 2);
  Executor<FunctionRegistry> first(io.get_executor(), *f.store, f.registry);
  Executor<FunctionRegistry> second(io.get_executor(), *f.store, f.registry);
  std::vector<std::string> seen;
  const auto note = [&](const Result<Blob>& value) { seen.push_back(text_of(value)); };
  const auto poll = [&] {
    io.restart();
    io.poll();
  };
  first.async_materialize(one, {}, note);
  second.async_materialize(other, {}, note);
  poll();
  REQUIRE(f.runs("asks") == 2);
  first.async_materialize(other, {}, note);  // Each waits for what the other one runs,
  second.async_materialize(one, {}, note);
  poll();
  REQUIRE(f.runs("asks") == 2);
  may_ask = true;
  gate.cancel();  // and then what they run waits for that.
  poll();
  REQUIRE(seen == std::vector<std::string>(4, "!cycle"));
}

}  // namespace
}  // namespace deriva::test
