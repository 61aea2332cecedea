// Events of several threads, requests and executors.
#include <algorithm>
#include <future>
#include <map>
#include <set>
#include <string>
#include <thread>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include "events_fixture.hpp"

namespace deriva {
namespace {

using test::names_of;
using test::ObservedFixture;
using test::only;
using test::OnPool;
using test::OnThisThread;

/// A function that says when it is called, and returns when it is told to.
struct Gate {
  std::promise<void> began;
  std::promise<void> go;

  auto function() {
    return [this](std::span<const Blob>, const Params&) {
      began.set_value();
      go.get_future().wait();
      return Blob::copy_of("x");
    };
  }
};

TEST_CASE("events: a request that meets a flight joins it by its number") {
  ObservedFixture f;
  Gate gate;
  f.add("waits", gate.function());
  const Address waits = f.recipe("waits", {});
  OnPool<2> on(f, f.observed());
  auto first = on.executor.async_materialize(waits, {}, boost::asio::use_future);
  gate.began.get_future().wait();
  auto second = on.executor.async_materialize(f.recipe("id", {waits}), {}, boost::asio::use_future);
  std::vector<Event> events;
  const auto take = [&] {
    const std::vector<Event> some = f.take();
    events.insert(events.end(), some.begin(), some.end());
  };
  while (std::ranges::none_of(events, [](const Event& e) { return e.as<event::FlightJoined>() != nullptr; })) {
    std::this_thread::yield();
    take();
  }
  gate.go.set_value();
  REQUIRE(first.get().has_value());
  REQUIRE(second.get().has_value());
  take();
  const auto& joined = only<event::FlightJoined>(events);
  CHECK(joined.address == waits);
  std::map<Address, event::FlightNumber> flights;
  std::map<event::RequestNumber, std::uint32_t> waited;
  for (const Event& event : events) {
    if (const auto* started = event.as<event::FlightStarted>()) flights[started->address] = started->flight;
    if (const auto* ended = event.as<event::RequestFinished>()) waited[ended->request] = ended->joined;
  }
  CHECK(joined.flight == flights.at(waits));
  CHECK(waited.at(joined.request) == 1);
}

struct CoroutineFixture : ObservedFixture {
  CoroutineFixture() {
    add_async("goes on", [this](std::vector<Blob>, Params, Context& context) -> boost::asio::awaitable<Result<Blob>> {
      began.set_value();
      while (!context.stop_token().stop_requested()) {
        co_await boost::asio::post(context.get_executor(), boost::asio::use_awaitable);
      }
      co_return Error(Errc::cancelled);
    });
  }
  void check_that_all_was_cancelled() {
    const std::vector<Event> events = take();
    CHECK(only<event::FunctionFinished>(events).ending == event::Ending::cancelled);
    CHECK(only<event::FlightFinished>(events).ending == event::Ending::cancelled);
    CHECK(only<event::RequestFinished>(events).ending == event::Ending::cancelled);
  }
  std::promise<void> began;
  boost::asio::thread_pool pool{1};
};

TEST_CASE("events: a coroutine that nobody waits for any more ends as cancelled, once it has ended") {
  CoroutineFixture f;
  Executor executor(f.pool.get_executor(), *f.store, f.registry, f.observed());
  boost::asio::cancellation_signal cancel;
  auto answer = executor.async_materialize(f.recipe("goes on", {}), {},
                                           boost::asio::bind_cancellation_slot(cancel.slot(), boost::asio::use_future));
  f.began.get_future().wait();
  cancel.emit(boost::asio::cancellation_type::terminal);
  CHECK(answer.get().error().code() == Errc::cancelled);
  f.pool.join();
  f.check_that_all_was_cancelled();
}

TEST_CASE("events: a coroutine that outlives its executor ends as cancelled, too") {
  CoroutineFixture f;
  {
    Executor executor(f.pool.get_executor(), *f.store, f.registry, f.observed());
    executor.async_materialize(f.recipe("goes on", {}), {}, [](const Result<Blob>&) {});
    f.began.get_future().wait();
  }
  f.pool.join();
  f.check_that_all_was_cancelled();
}

/// What has to be equal at the end, by name.
std::map<std::string, int> balance_of(const std::vector<Event>& events) {
  std::map<std::string, int> open;
  for (const Event& event : events) {
    if (event.as<event::BatchStarted>() != nullptr) continue;  // A number: its flights end one by one.
    const std::string name(name_of(event.body));
    const auto ends_with = [&](std::string_view end) { return name.size() > end.size() && name.ends_with(end); };
    if (ends_with("_started")) ++open[name.substr(0, name.size() - 8)];
    if (ends_with("_finished")) --open[name.substr(0, name.size() - 9)];
  }
  return open;
}

TEMPLATE_TEST_CASE("events: whatever begins ends, and no number is used twice", "", OnPool<1>, OnPool<3>,
                   OnThisThread) {
  ObservedFixture f;
  std::vector<Address> row;
  for (int i = 0; i < 40; ++i) row.push_back(f.numbered(i == 17 ? "fails" : "concat", i));
  std::vector<Address> tops;
  for (std::size_t i = 0; i + 3 < row.size(); ++i) tops.push_back(f.recipe("concat", {row[i], row[i + 1], row[i + 3]}));
  f.take();
  {
    ExecutorOptions options = f.observed();
    options.verify = Verify::always();
    TestType on(f, options);
    for (const Address& top : tops) static_cast<void>(on.executor.materialize(top));
  }
  const std::vector<Event> events = f.take();
  for (const auto& [name, open] : balance_of(events)) {
    INFO(name);
    CHECK(open == 0);
  }
  std::set<std::uint64_t> flights;
  std::size_t started = 0;
  std::size_t in_batches = 0;
  for (const Event& event : events) {
    if (const auto* batch = event.as<event::BatchStarted>()) in_batches += batch->flights;
    const auto* flight = event.as<event::FlightStarted>();
    if (flight != nullptr) flights.insert(flight->flight);
    started += flight != nullptr ? 1 : 0;
  }
  CHECK(flights.size() == started);
  CHECK(in_batches == started);
  // "fails" is tried again by each of the requests above it.
  CHECK(started == 39 + tops.size());
}

TEST_CASE("events: what the cache holds is what was told of it, and nothing once it is gone") {
  ObservedFixture f;
  ExecutorOptions options = f.observed();
  options.cache_bytes = std::size_t{1} << 20U;
  std::int64_t bytes = 0;
  std::int64_t entries = 0;
  std::uint64_t evicted = 0;
  {
    OnPool<2> on(f, options);
    for (int i = 0; i < 200; ++i) {
      const std::string prefix(20'000, static_cast<char>('a' + i % 26));
      const Address top = f.recipe("concat", {}, {{"prefix", prefix + std::to_string(i)}});
      REQUIRE(on.executor.materialize(top).has_value());
    }
    REQUIRE(on.executor.flush().has_value());
  }
  for (const Event& event : f.take()) {
    if (const auto* in = event.as<event::CacheInserted>()) {
      bytes += static_cast<std::int64_t>(in->bytes) - static_cast<std::int64_t>(in->replaced_bytes);
      entries += in->replaced ? 0 : 1;
    } else if (const auto* out = event.as<event::CacheEvicted>()) {
      bytes -= static_cast<std::int64_t>(out->bytes);
      --entries;
      ++evicted;
    } else if (const auto* gone = event.as<event::CacheRemoved>()) {
      bytes -= static_cast<std::int64_t>(gone->bytes);
      entries -= static_cast<std::int64_t>(gone->entries);
    }
    CHECK(bytes <= std::int64_t{1} << 20U);
  }
  CHECK(evicted > 100);
  CHECK(bytes == 0);
  CHECK(entries == 0);
}

TEST_CASE("events: two executors that share a hub number their requests apart") {
  ObservedFixture f;
  const Address top = f.recipe("id", {f.leaf("a")});
  OnThisThread one(f, f.observed());
  OnThisThread other(f, f.observed());
  REQUIRE(one.executor.materialize(top).has_value());
  REQUIRE(other.executor.materialize(top).has_value());
  const auto requests = f.take_all<event::RequestStarted>();
  REQUIRE(requests.size() == 2);
  CHECK(requests[0].request != requests[1].request);
}

TEMPLATE_TEST_CASE("events: the longest path of what was computed is told", "", OnPool<2>, OnThisThread) {
  ObservedFixture f;
  Address chain = f.leaf("a");
  for (int i = 0; i < 20; ++i) chain = f.numbered("id", i, {chain});
  const Address middle = chain;
  for (int i = 20; i < 50; ++i) chain = f.numbered("id", i, {chain});
  TestType on(f, f.observed());
  REQUIRE(on.executor.materialize(middle, test::durable()).has_value());
  CHECK(f.take_all<event::RequestFinished>().at(0).depth == 20);
  // What is stored does not count.
  REQUIRE(on.executor.materialize(f.recipe("concat", {middle, chain})).has_value());
  CHECK(f.take_all<event::RequestFinished>().at(0).depth == 31);
}

TEST_CASE("events: nothing is told of what began before anybody listened") {
  ObservedFixture f;
  f.hub->detach(f.id);
  Gate gate;
  f.add("waits", gate.function());
  OnPool<2> on(f, f.observed());
  auto answer = on.executor.async_materialize(f.recipe("waits", {}), {}, boost::asio::use_future);
  gate.began.get_future().wait();
  f.hub->attach(f.recorder);
  gate.go.set_value();
  REQUIRE(answer.get().has_value());
  REQUIRE(on.executor.flush().has_value());
  const std::vector<std::string> names = names_of(f.take());
  for (const char* ended : {"request_finished", "flight_finished", "function_finished"}) {
    CHECK(std::find(names.begin(), names.end(), ended) == names.end());
  }
}

}  // namespace
}  // namespace deriva
