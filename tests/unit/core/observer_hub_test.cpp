#include <deriva/core/observer_hub.hpp>

#include <algorithm>
#include <atomic>
#include <latch>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.hpp"

namespace deriva {
namespace {

/// Keeps what it gets.
class Keeper final : public Observer {
 public:
  void on_events(const EventBatch& batch) override {
    const std::lock_guard lock(mutex_);
    events_.insert(events_.end(), batch.events.begin(), batch.events.end());
    dropped_ += batch.dropped;
  }
  std::vector<Event> events() const {
    const std::lock_guard lock(mutex_);
    return events_;
  }
  std::uint64_t dropped() const {
    const std::lock_guard lock(mutex_);
    return dropped_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Event> events_;
  std::uint64_t dropped_ = 0;
};

class Counter final : public InlineObserver {
 public:
  void on_event(const Event&) noexcept override { count_.fetch_add(1, std::memory_order_relaxed); }
  std::uint64_t count() const { return count_.load(); }

 private:
  std::atomic<std::uint64_t> count_{0};
};

/// Does not return from its first call before it is told to.
class Blocker final : public Observer {
 public:
  void on_events(const EventBatch&) override {
    if (entered_.exchange(true)) return;
    arrived_.count_down();
    released_.wait();
  }
  void await_arrival() { arrived_.wait(); }
  void release() { released_.count_down(); }

 private:
  std::atomic<bool> entered_{false};
  std::latch arrived_{1};
  std::latch released_{1};
};

class Thrower final : public Observer {
 public:
  explicit Thrower(bool standard) : standard_(standard) {}
  void on_events(const EventBatch&) override {
    ++calls;
    if (!standard_) throw 42;
    throw std::runtime_error("no space on the console");
  }
  std::atomic<int> calls{0};

 private:
  bool standard_;
};

event::CacheInserted numbered(std::uint64_t number) { return {{}, number, 0, false}; }
std::uint64_t number_of(const Event& event) { return event.as<event::CacheInserted>()->bytes; }

TEST_CASE("hub: nobody attached sees nothing, and nothing is kept for who comes later") {
  ObserverHub hub;
  CHECK_FALSE(hub.observed());
  hub.emit(numbered(1));
  const auto keeper = std::make_shared<Keeper>();
  const ObserverId id = hub.attach(keeper);
  CHECK(hub.observed());
  hub.emit(numbered(2));
  CHECK(hub.detach(id));
  CHECK_FALSE(hub.observed());
  hub.emit(numbered(3));
  REQUIRE(keeper->events().size() == 1);
  CHECK(number_of(keeper->events()[0]) == 2);
  CHECK_FALSE(hub.detach(id));
}

TEST_CASE("hub: several observers get the same events, in order, until each is detached") {
  ObserverHub hub;
  const auto first = std::make_shared<Keeper>();
  const auto second = std::make_shared<Keeper>();
  const auto counter = std::make_shared<Counter>();
  const ObserverId first_id = hub.attach(first);
  const ObserverId second_id = hub.attach(second);
  const ObserverId counter_id = hub.attach_inline(counter);
  CHECK(hub.stats().observers == 3);
  for (std::uint64_t i = 0; i < 100; ++i) hub.emit(numbered(i));
  hub.detach(first_id);
  for (std::uint64_t i = 100; i < 150; ++i) hub.emit(numbered(i));
  hub.flush();
  CHECK(first->events().size() == 100);
  const std::vector<Event> events = second->events();
  REQUIRE(events.size() == 150);
  for (std::uint64_t i = 0; i < 150; ++i) REQUIRE(number_of(events[i]) == i);
  CHECK(counter->count() == 150);
  hub.detach(counter_id);
  hub.emit(numbered(150));
  CHECK(counter->count() == 150);
  hub.detach(second_id);
  CHECK(second->events().size() == 151);
  CHECK(hub.stats().observers == 0);
}

TEST_CASE("hub: 8 threads with 100,000 events each lose none that the counter does not report") {
  ObserverHub hub({.ring_events = 1'024});
  const auto keeper = std::make_shared<Keeper>();
  const auto counter = std::make_shared<Counter>();
  hub.attach(keeper);
  hub.attach_inline(counter);
  constexpr std::uint64_t threads = 8;
  constexpr std::uint64_t each = 100'000;
  {
    std::latch begin(threads);
    std::vector<std::jthread> workers;
    for (std::uint64_t t = 0; t < threads; ++t) {
      workers.emplace_back([&, t] {
        begin.arrive_and_wait();
        for (std::uint64_t i = 0; i < each; ++i) hub.emit(numbered(t * each + i));
      });
    }
  }
  hub.flush();
  hub.flush();  // The second tells what the first round dropped.
  const std::vector<Event> events = keeper->events();
  CHECK(events.size() + hub.stats().dropped == threads * each);
  CHECK(keeper->dropped() == hub.stats().dropped);
  CHECK(hub.stats().delivered == events.size());
  CHECK(counter->count() == threads * each);
  std::vector<std::uint64_t> next(threads, 0);
  bool ordered = true;
  for (const Event& event : events) {
    const std::uint64_t number = number_of(event);
    ordered = ordered && number % each >= next[number / each];
    next[number / each] = number % each + 1;
  }
  CHECK(ordered);
  INFO("dropped " << hub.stats().dropped);
}

TEST_CASE("hub: an observer that does not return stops no thread that emits") {
  ObserverHub hub({.ring_events = 64});
  const auto blocker = std::make_shared<Blocker>();
  hub.attach(blocker);
  hub.emit(numbered(0));
  blocker->await_arrival();
  for (std::uint64_t i = 0; i < 1'000; ++i) hub.emit(numbered(i));  // Must come to an end.
  CHECK(hub.stats().dropped == 1'000 - 64);
  blocker->release();
  hub.flush();
  CHECK(hub.stats().delivered == 1 + 64);
}

TEST_CASE("hub: an observer that throws is detached and reported, and the others hear of it") {
  const bool standard = GENERATE(true, false);
  ObserverHub hub;
  const auto thrower = std::make_shared<Thrower>(standard);
  const auto keeper = std::make_shared<Keeper>();
  const ObserverId bad = hub.attach(thrower);
  hub.attach(keeper);
  hub.emit(numbered(1));
  hub.flush();
  hub.emit(numbered(2));
  hub.flush();
  CHECK(thrower->calls == 1);
  REQUIRE(hub.failures().size() == 1);
  CHECK(hub.failures()[0].observer == bad);
  CHECK(hub.failures()[0].what == (standard ? "no space on the console" : "not a std::exception"));
  CHECK(hub.stats().observers == 1);
  CHECK_FALSE(hub.detach(bad));
  const std::vector<Event> events = keeper->events();
  REQUIRE(events.size() == 3);
  const auto reports = std::count_if(events.begin(), events.end(),
                                     [](const Event& event) { return event.as<event::ObserverFailed>() != nullptr; });
  CHECK(reports == 1);
}

TEST_CASE("hub: after the last observer threw, another can be attached") {
  ObserverHub hub;
  hub.attach(std::make_shared<Thrower>(true));
  hub.emit(numbered(1));
  hub.flush();
  CHECK_FALSE(hub.observed());
  const auto keeper = std::make_shared<Keeper>();
  hub.attach(keeper);
  hub.emit(numbered(2));
  hub.flush();
  REQUIRE(keeper->events().size() == 1);
  CHECK(number_of(keeper->events()[0]) == 2);
}

TEST_CASE("hub: an observer may detach itself, and leaves nothing to the next") {
  struct Once final : Observer {
    explicit Once(ObserverHub& its_hub) : hub(its_hub) {}
    void on_events(const EventBatch&) override {
      ++calls;
      hub.flush();  // Does nothing here.
      hub.emit(numbered(99));
      detached = hub.detach(id);
    }
    ObserverHub& hub;
    ObserverId id{};
    std::atomic<int> calls{0};
    std::atomic<bool> detached{false};
  };
  ObserverHub hub;
  const auto once = std::make_shared<Once>(hub);
  once->id = hub.attach(once);
  hub.emit(numbered(1));
  hub.flush();
  hub.emit(numbered(2));
  hub.flush();
  CHECK(once->calls == 1);
  CHECK(once->detached);
  const auto keeper = std::make_shared<Keeper>();
  hub.attach(keeper);
  hub.emit(numbered(3));
  hub.flush();
  REQUIRE(keeper->events().size() == 1);  // Not what was emitted before it came.
  CHECK(number_of(keeper->events()[0]) == 3);
}

TEST_CASE("hub: an inline observer gets its events whole although the rings are full") {
  ObserverHub hub({.ring_events = 2});
  const auto blocker = std::make_shared<Blocker>();
  struct Last final : InlineObserver {
    void on_event(const Event& event) noexcept override { number = number_of(event); }
    std::uint64_t number = 0;
  };
  const auto last = std::make_shared<Last>();
  hub.attach(blocker);
  hub.attach_inline(last);
  hub.emit(numbered(0));
  blocker->await_arrival();
  for (std::uint64_t i = 1; i <= 10; ++i) {
    hub.emit([&] { return numbered(i); });
    CHECK(last->number == i);
  }
  CHECK(hub.stats().dropped == 8);
  blocker->release();
}

TEST_CASE("hub: ten at once do not mix") {
  std::vector<std::unique_ptr<ObserverHub>> hubs;
  std::vector<std::shared_ptr<Keeper>> keepers;
  for (int i = 0; i < 10; ++i) {
    hubs.push_back(std::make_unique<ObserverHub>());
    keepers.push_back(std::make_shared<Keeper>());
    hubs.back()->attach(keepers.back());
  }
  {
    std::vector<std::jthread> workers;
    for (int t = 0; t < 4; ++t) {
      workers.emplace_back([&] {
        for (std::uint64_t i = 0; i < 10'000; ++i) hubs[i % 10]->emit(numbered(i % 10));
      });
    }
  }
  for (std::uint64_t i = 0; i < 10; ++i) {
    hubs[i]->flush();
    const std::vector<Event> events = keepers[i]->events();
    CHECK(events.size() == 4'000);
    CHECK(std::all_of(events.begin(), events.end(), [i](const Event& event) { return number_of(event) == i; }));
  }
}

TEST_CASE("hub: detaching while others emit loses the observer, and nothing else") {
  ObserverHub hub;
  std::atomic<bool> stop{false};
  std::vector<std::jthread> workers;
  for (int t = 0; t < 4; ++t) {
    workers.emplace_back([&] {
      while (!stop) hub.emit(numbered(7));
    });
  }
  for (int round = 0; round < 200; ++round) {
    const auto keeper = std::make_shared<Keeper>();
    const auto counter = std::make_shared<Counter>();
    const ObserverId id = hub.attach(keeper);
    const ObserverId counter_id = hub.attach_inline(counter);
    hub.emit(numbered(8));
    CHECK(hub.detach(id));
    CHECK(hub.detach(counter_id));
    const std::vector<Event> events = keeper->events();
    CHECK(std::count_if(events.begin(), events.end(), [](const Event& event) { return number_of(event) == 8; }) == 1);
    hub.emit(numbered(7));
    hub.flush();
    CHECK(keeper->events().size() == events.size());
    CHECK(counter->count() >= 1);
  }
  stop = true;
}

TEST_CASE("hub: a hub in the place of one that is gone does not take its rings for its own") {
  alignas(ObserverHub) std::byte place[sizeof(ObserverHub)];
  for (int i = 0; i < 3; ++i) {
    auto* hub = new (place) ObserverHub;
    const auto keeper = std::make_shared<Keeper>();
    hub->attach(keeper);
    hub->emit(numbered(1));
    CHECK(hub->stats().threads == 1);
    hub->~ObserverHub();
    CHECK(keeper->events().size() == 1);  // Delivered before it was gone.
  }
}

TEST_CASE("hub: the numbers of threads that ended are used again, and their drops stay counted") {
  ObserverHub hub({.ring_events = 2});
  const auto blocker = std::make_shared<Blocker>();
  hub.attach(blocker);
  hub.emit(numbered(0));
  blocker->await_arrival();
  for (int i = 0; i < 20; ++i) {
    std::jthread([&] {
      for (std::uint64_t n = 0; n < 5; ++n) hub.emit(numbered(n));
    }).join();
  }
  blocker->release();
  hub.flush();
  CHECK(hub.stats().dropped == 20 * 3);
  CHECK(hub.stats().delivered == 1 + 20 * 2);
  const auto keeper = std::make_shared<Keeper>();
  hub.attach(keeper);
  std::jthread([&] { hub.emit(numbered(1)); }).join();
  hub.flush();
  REQUIRE(keeper->events().size() == 1);
  CHECK(keeper->events()[0].thread <= 2);
}

TEST_CASE("hub: a request has its caller's trace, or one that no other request and no other hub has") {
  ObserverHub hub;
  ObserverHub other;
  const TraceContext caller = hub.context_of(77);
  REQUIRE(caller.valid());
  CHECK(caller == hub.context_of(77));
  CHECK(hub.context_of(1, caller).trace_id == caller.trace_id);
  CHECK(hub.context_of(1, caller).span_id != caller.span_id);
  CHECK(hub.context_of(1).trace_id != hub.context_of(2).trace_id);
  CHECK(hub.context_of(1).trace_id != other.context_of(1).trace_id);
}

TEST_CASE("hub: names are written down once, and ids of none are empty") {
  ObserverHub hub;
  const event::NameId a = hub.name_id("resize/1");
  const event::NameId b = hub.name_id("resize/2");
  CHECK(a != b);
  CHECK(a == hub.name_id(std::string("resize/1")));
  CHECK(hub.name(a) == "resize/1");
  CHECK(hub.name(b) == "resize/2");
  CHECK(hub.name(event::NameId::none).empty());
  CHECK(hub.name(static_cast<event::NameId>(99)).empty());
}

}  // namespace
}  // namespace deriva
