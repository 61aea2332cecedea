// What a real store tells of its map and of its readers: nothing here is scripted.
#include <array>
#include <csignal>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <deriva/core/event_set.hpp>
#include <deriva/core/observer_hub.hpp>
#include <deriva/observe/metrics.hpp>
#include <deriva/store/store.hpp>

#include "../compute/compute_fixture.hpp"
#include "metrics_fixture.hpp"

namespace deriva {
namespace {

using test::StoreDirectory;
using test::value;

/// Keeps the events of the kinds it was made for.
class Kept final : public Observer {
 public:
  explicit Kept(EventSet wanted) : wanted_(wanted) {}
  EventSet wanted() const noexcept override { return wanted_; }
  void on_events(const EventBatch& batch) override {
    for (const Event& event : batch.events) {
      if (wanted_.contains(event)) events.push_back(event);
    }
  }
  std::vector<Event> events;

 private:
  EventSet wanted_;
};

/// A hub, who listens, and the options of a store that tells it.
struct Watched {
  explicit Watched(EventSet wanted) : kept(std::make_shared<Kept>(wanted)) {
    hub->attach(kept);
    options.observers = hub;
    options.environment.durability = Durability::relaxed;
  }
  const std::vector<Event>& events() {
    hub->flush();
    return kept->events;
  }

  std::shared_ptr<ObserverHub> hub = std::make_shared<ObserverHub>();
  std::shared_ptr<Kept> kept;
  std::shared_ptr<Metrics> metrics = Metrics::attach(*hub);
  StoreOptions options;
};

TEST_CASE("storage events: a store whose map grows says nothing, or from and to the wrong sizes") {
  const StoreDirectory directory(1U << 26U);
  Watched watched(EventSet::of<event::MapGrown>());
  watched.options.environment.map_bytes = 1U << 20U;
  Store store = Store::open(directory.path() / "store", watched.options).value();
  const std::uint64_t at_first = store.stats().value().environment.map_bytes;
  for (std::int64_t batch = 0; store.stats().value().environment.map_growths < 3; ++batch) {
    REQUIRE(batch < 1'000);
    std::vector<Recipe> recipes;
    for (std::int64_t i = 0; i < 1'000; ++i) recipes.push_back({{"f", "1"}, {}, {{"number", 1'000 * batch + i}}});
    REQUIRE(store.put_recipes(recipes).has_value());
  }
  const EnvironmentStats now = store.stats().value().environment;
  REQUIRE(watched.events().size() == now.map_growths);
  std::uint64_t bytes = at_first;
  for (const Event& event : watched.events()) {
    const auto& grown = *event.as<event::MapGrown>();
    CHECK(grown.old_bytes == bytes);
    CHECK(grown.new_bytes > bytes);
    bytes = grown.new_bytes;
  }
  CHECK(bytes == now.map_bytes);
  CHECK(value(watched.metrics->snapshot(), "deriva_storage_map_growth_total") == static_cast<double>(now.map_growths));
}

/// A process that reads a store, and keeps its snapshot until it is killed.
class Reader {
 public:
  explicit Reader(const std::filesystem::path& directory) {
    std::array<int, 2> from_child{};
    REQUIRE(::pipe(from_child.data()) == 0);
    child_ = ::fork();
    REQUIRE(child_ >= 0);
    if (child_ == 0) read_for_ever(directory, from_child[1]);
    char ready = 0;
    REQUIRE(::read(from_child[0], &ready, 1) == 1);
    ::close(from_child[0]);
    ::close(from_child[1]);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { kill(); }

  void kill() {
    if (child_ <= 0) return;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    child_ = 0;
  }

 private:
  [[noreturn]] static void read_for_ever(const std::filesystem::path& directory, int ready) {
    Result<Store> store = Store::open(directory);
    const Result<Environment> environment = Environment::open(directory);
    if (!store || !environment) ::_exit(1);
    static_cast<void>(environment->read([&](const ReadTransaction&) -> Result<void> {
      if (::write(ready, "x", 1) != 1) ::_exit(1);
      for (;;) ::pause();
    }));
    ::_exit(1);
  }

  ::pid_t child_ = 0;
};

TEST_CASE("storage events: a reader that was killed is found by the check, and nobody is told") {
  const StoreDirectory directory(1U << 26U);
  Reader reader(directory.path() / "store");  // Before this process opens anything.
  Watched watched(EventSet::of<event::ReaderExpired>());
  Store store = Store::open(directory.path() / "store", watched.options).value();
  const auto put = [&](int first, int last) {
    for (int i = first; i < last; ++i) REQUIRE(store.put_leaf(as_bytes("leaf " + std::to_string(i))).has_value());
  };
  put(0, 10);
  const EnvironmentStats held = store.stats().value().environment;
  REQUIRE(held.oldest_reader + 10 <= held.last_transaction);  // The reader keeps what has been replaced since.
  reader.kill();
  put(10, 1'200);  // Every 1,024 commits the readers are checked.

  REQUIRE(watched.events().size() == 1);
  CHECK(watched.events()[0].as<event::ReaderExpired>()->transaction == held.oldest_reader);
  CHECK(value(watched.metrics->snapshot(), "deriva_storage_reader_expired_total") == 1);
  const EnvironmentStats now = store.stats().value().environment;
  CHECK(now.oldest_reader > held.oldest_reader);
  put(1'200, 2'300);  // Who is gone is told of once.
  CHECK(watched.events().size() == 1);
}

}  // namespace
}  // namespace deriva
