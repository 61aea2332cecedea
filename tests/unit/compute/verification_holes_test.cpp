// What verification must not miss, one by one, and what must not be taken for a violation.

#include <condition_variable>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"
#include "unit/compute/events_fixture.hpp"

namespace deriva::test {
namespace {

namespace asio = boost::asio;

struct HolesFixture : WaversFixture {
  Outcome outcome;
  MaterializeOptions always() {
    MaterializeOptions options;
    options.verify = Verify::always();
    options.outcome = &outcome;
    return options;
  }
  LedgerEntry verdict(const Address& address) const { return store->ledger().verdict(address).value().value(); }
};

TEST_CASE("holes: a rate of 1 leaves out one address in 256") {
  HolesFixture f;
  ExecutorOptions options;
  options.verify = Verify::sampled(1);
  OnThisThread on(f, options);
  std::vector<Address> inputs;
  for (int i = 0; i < 1'000; ++i) inputs.push_back(f.numbered("id", i, {f.leaf("a")}));
  REQUIRE(on.executor.materialize(f.recipe("concat", inputs)).has_value());
  REQUIRE(f.runs() == 2 * 1'001);
}

TEST_CASE("holes: a value and a failure pass for equal, in one of the two orders") {
  HolesFixture f;
  const int failing = GENERATE(1, 2);
  int run = 0;
  f.add("sometimes", [&](std::span<const Blob>, const Params&) -> Result<Blob> {
    if (++run == failing) return Error(Errc::function_failed);
    return Blob::copy_of("fine");
  });
  const Address address = f.recipe("sometimes", {});
  OnThisThread on(f);
  REQUIRE(text_of(on.executor.materialize(address, f.always())) == "!not_deterministic");
  REQUIRE(on.executor.flush().has_value());
  REQUIRE(f.verdict(address).first.failed != f.verdict(address).other.failed);
}

TEST_CASE("holes: what is computed again is not compared with what was stored before") {
  HolesFixture f;
  const std::string before(1'000, 'b');
  f.add("changed", [](std::span<const Blob>, const Params&) { return Blob::copy_of(std::string(1'000, 'a')); });
  const Address address = f.recipe("changed", {});
  f.store_as(address, before);
  MaterializeOptions request;
  ExecutorOptions options;
  const int kept = GENERATE(0, 1, 2);
  options.store_results = kept > 0;
  request.durable = kept > 1;
  const bool evicted = GENERATE(true, false);
  if (evicted) {
    f.evict(address);
  } else {
    request.recompute = Recompute::target;
  }
  OnThisThread on(f, options);
  const Address above = f.recipe("id", {address});
  if (evicted) REQUIRE(text_of(on.executor.materialize(above, request)) == "!not_deterministic");
  REQUIRE(text_of(on.executor.materialize(address, request)) == "!not_deterministic");
  REQUIRE(f.runs("id") == 0);
  static_cast<void>(on.executor.flush());
  REQUIRE(f.verdict(address).verdict == Verdict::diverged);
  REQUIRE(f.store->result(address).value()->digest == Digest::of(as_bytes(before)));
}

TEST_CASE("holes: a violation counts as a value, or not as a failure") {
  HolesFixture f;
  const Address address = f.recipe("wavers", {});
  OnThisThread on(f);
  REQUIRE(text_of(on.executor.materialize(address, f.always())) == "!not_deterministic");
  REQUIRE(f.outcome.failed == 1);
  REQUIRE(f.outcome.computed == 0);
  REQUIRE(f.outcome.verified == 0);
  REQUIRE(f.outcome.failures.size() == 1);
}

TEST_CASE("holes: the value of a violation is kept in memory and given to the next one") {
  HolesFixture f;
  const Address address = f.recipe("wavers", {});
  OnThisThread on(f);
  for (int i = 0; i < 2; ++i) {
    REQUIRE(text_of(on.executor.materialize(address, f.always())) == "!not_deterministic");
    REQUIRE(f.runs("wavers") == 2 * (i + 1));
  }
}

TEST_CASE("holes: a value that continues the other one passes for equal") {
  HolesFixture f;
  std::string text;
  f.add("grows", [&](std::span<const Blob>, const Params&) { return Blob::copy_of(text += "a"); });
  const Address address = f.recipe("grows", {});
  OnThisThread on(f);
  REQUIRE(text_of(on.executor.materialize(address, f.always())) == "!not_deterministic");
  REQUIRE(on.executor.flush().has_value());
  REQUIRE(f.verdict(address).first_difference == 1);
}

TEST_CASE("holes: what one request verifies is verified for the others, or for none") {
  HolesFixture f;
  OnThisThread on(f);
  REQUIRE(on.executor.materialize(f.numbered("id", 1, {f.leaf("a")}), f.always()).has_value());
  REQUIRE(on.executor.materialize(f.numbered("id", 2, {f.leaf("a")})).has_value());
  REQUIRE(f.runs("id") == 3);
}

TEST_CASE("holes: only the first two executions are compared") {
  HolesFixture f;
  int run = 0;
  f.add("at last", [&](std::span<const Blob>, const Params&) { return Blob::copy_of(++run < 5 ? "a" : "b"); });
  OnThisThread on(f);
  MaterializeOptions options = f.always();
  options.verify = Verify::times(5);
  REQUIRE(text_of(on.executor.materialize(f.recipe("at last", {}), options)) == "!not_deterministic");
}

TEST_CASE("verification: a request that leaves in the middle of a dual run spoils the value or the verdict") {
  HolesFixture f;
  std::mutex mutex;
  std::condition_variable changed;
  int inside = 0;
  bool go_on = false;
  f.add("meets", [&](std::span<const Blob> inputs, const Params&) {
    std::unique_lock lock(mutex);
    ++inside;
    changed.notify_all();
    changed.wait(lock, [&] { return go_on; });
    return inputs[0];
  });
  ExecutorOptions options;
  options.concurrency = 2;
  OnPool<2> on(f, options);
  const Address target = f.recipe("meets", {f.leaf("a")});
  asio::cancellation_signal signal;
  std::promise<Result<Blob>> left;
  on.executor.async_materialize(
      target, f.always(),
      asio::bind_cancellation_slot(signal.slot(), [&](Result<Blob> value) { left.set_value(std::move(value)); }));
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return inside == 2; });
  }
  signal.emit(asio::cancellation_type::terminal);
  std::unique_lock lock(mutex);
  go_on = true;
  lock.unlock();
  changed.notify_all();
  const std::string answer = text_of(left.get_future().get());
  REQUIRE((answer == "!cancelled" || answer == "a"));
  REQUIRE(text_of(on.executor.materialize(target)) == "a");
  REQUIRE(on.executor.flush().has_value());
  REQUIRE(f.runs("meets") == 2);
  REQUIRE(f.verdict(target).times_verified == 1);
  REQUIRE(f.verdict(target).verdict == Verdict::agreed);
}

TEST_CASE("verification: a coroutine that was stopped in its second run passes for one that diverged") {
  HolesFixture f;
  std::atomic<int> runs{0};
  std::promise<void> second;
  f.add_async("stops", [&](std::vector<Blob>, Params, Context& context) -> asio::awaitable<Result<Blob>> {
    if (++runs != 2) co_return Blob::copy_of("a");
    second.set_value();
    while (!context.stop_token().stop_requested()) co_await asio::post(context.get_executor(), asio::use_awaitable);
    co_return Error(Errc::cancelled);
  });
  OnPool<2> on(f);
  const Address target = f.recipe("stops", {});
  asio::cancellation_signal signal;
  std::promise<Result<Blob>> left;
  on.executor.async_materialize(
      target, f.always(),
      asio::bind_cancellation_slot(signal.slot(), [&](Result<Blob> value) { left.set_value(std::move(value)); }));
  second.get_future().wait();
  signal.emit(asio::cancellation_type::terminal);
  REQUIRE(text_of(left.get_future().get()) == "!cancelled");
  REQUIRE(text_of(on.executor.materialize(target)) == "a");
  on.pool.join();  // The stopped one has come to its end.
  REQUIRE(on.executor.flush().has_value());
  REQUIRE_FALSE(f.store->ledger().verdict(target).value());
}

TEST_CASE("verification: a plain function that was stopped in one of its runs passes for one that diverged") {
  HolesFixture f;
  std::atomic<int> runs{0};
  std::promise<void> second;
  f.registry.add({"stops", "1"}, [&](std::span<const Blob>, const Params&, Context& context) -> Result<Blob> {
    if (++runs != 2) return Blob::copy_of("a");
    second.set_value();
    while (!context.stop_token().stop_requested()) std::this_thread::yield();
    return Error(Errc::cancelled);
  });
  ExecutorOptions options;
  options.concurrency = GENERATE(1U, 2U);
  OnPool<2> on(f, options);
  const Address target = f.recipe("stops", {});
  asio::cancellation_signal signal;
  std::promise<Result<Blob>> left;
  on.executor.async_materialize(
      target, f.always(),
      asio::bind_cancellation_slot(signal.slot(), [&](Result<Blob> value) { left.set_value(std::move(value)); }));
  second.get_future().wait();
  signal.emit(asio::cancellation_type::terminal);
  REQUIRE(text_of(left.get_future().get()) == "!cancelled");
  REQUIRE(text_of(on.executor.materialize(target)) == "a");
  on.pool.join();
  REQUIRE(on.executor.flush().has_value());
  REQUIRE_FALSE(f.store->ledger().verdict(target).value());
}

TEST_CASE("verification: a value and its verdict are written one after the other") {
  ObservedFixture f;
  const Address target = f.recipe("id", {f.leaf("a")});
  ExecutorOptions options;
  options.verify = Verify::always();
  OnThisThread on(f, options);
  f.take();
  REQUIRE(on.executor.materialize(target, durable()).has_value());
  REQUIRE(f.store->ledger().verdict(target).value());
  std::uint64_t operations = 0;
  for (const event::Committed& commit : f.take_all<event::Committed>()) operations += commit.operations;
  REQUIRE(operations == 1);
}

TEST_CASE("verification: a value that came second is kept in memory, or what was computed from it is stored") {
  HolesFixture f;
  const Address target = f.recipe("loses", {});
  f.add("loses", [&](std::span<const Blob>, const Params&) {
    f.store_as(target, "the first value");  // Another process is quicker.
    return Blob::copy_of("the second value");
  });
  const Address above = f.recipe("concat", {target});
  const Address top = f.recipe("id", {above});
  const Address beside = f.recipe("id", {f.leaf("a")});
  OnThisThread on(f);
  const Result<Blob> value = on.executor.materialize(f.recipe("concat", {top, beside}), durable());
  REQUIRE(text_of(value) == "!not_deterministic");
  REQUIRE(*value.error().address() == target);
  for (const Address& spoilt : {above, top}) REQUIRE_FALSE(f.store->result(spoilt).value());
  REQUIRE(f.store->result(beside).value());
  REQUIRE(text_of(on.executor.materialize(target)) == "the first value");
  REQUIRE(text_of(on.executor.materialize(top)) == "the first value");
}

TEST_CASE("verification: two stores of one directory spoil each other's values, or differ unseen") {
  HolesFixture f;
  const bool differ = GENERATE(false, true);
  OnThisThread ours(f);
  FunctionRegistry their_functions;
  their_functions.add({"id", "1"}, [&](std::span<const Blob> inputs, const Params&) {
    std::thread([&] {  // We are quicker; not on this thread, which must not block.
      REQUIRE(ours.executor.materialize(f.recipe("id", {f.leaf("a")}), f.always()).has_value());
      REQUIRE(ours.executor.flush().has_value());
    })
        .join();
    return differ ? Blob::copy_of("theirs") : inputs[0];
  });
  const Address target = f.recipe("id", {f.leaf("a")});
  StoreOptions options;
  options.environment.durability = Durability::relaxed;
  Store their_store = Store::open(f.directory.path(), options).value();  // One store's would wait for each other.
  SyncExecutor theirs(their_store, their_functions);
  const Result<Blob> value = theirs.materialize(target, durable());
  REQUIRE(text_of(value) == (differ ? "!not_deterministic" : "a"));
  REQUIRE(as_text(*f.store->value(target).value()) == "a");
  REQUIRE(f.verdict(target).times_verified == (differ ? 2U : 1U));
  REQUIRE(f.verdict(target).verdict == (differ ? Verdict::diverged : Verdict::agreed));
}

}  // namespace
}  // namespace deriva::test
