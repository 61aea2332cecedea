#include <deriva/core/observer.hpp>

#include <memory>

#include <deriva/core/observer_hub.hpp>

#include "support/catch.hpp"

namespace deriva {
namespace {

/// Count what they wanted, and what else they got.
struct Choosy final : Observer {
  explicit Choosy(EventSet its_set) : set(its_set) {}
  EventSet wanted() const noexcept override { return set; }
  void on_events(const EventBatch& batch) override {
    for (const Event& event : batch.events) ++(set.contains(event) ? chosen : others);
  }
  EventSet set;
  int chosen = 0;
  int others = 0;
};
struct ChoosyInline final : InlineObserver {
  explicit ChoosyInline(EventSet its_set) : set(its_set) {}
  EventSet wanted() const noexcept override { return set; }
  void on_event(const Event& event) noexcept override { ++(set.contains(event) ? chosen : others); }
  EventSet set;
  int chosen = 0;
  int others = 0;
};

TEST_CASE("observer: what nobody wants is not made, and what one wants comes as long as it is attached") {
  ObserverHub hub;
  const auto grown = std::make_shared<Choosy>(EventSet::of<event::MapGrown>());
  const auto counted = std::make_shared<ChoosyInline>(EventSet::of<event::CacheInserted>());
  int made = 0;
  const auto emit_both = [&] {
    hub.emit([&] { return ++made, event::MapGrown{1, 2}; });
    hub.emit_at(event::Clock::now(), [&] { return ++made, event::CacheInserted{}; });
    hub.emit([&] { return ++made, event::CacheEvicted{}; });
    hub.flush();
  };
  const ObserverId grown_id = hub.attach(grown);
  CHECK(hub.wants<event::MapGrown>());
  CHECK_FALSE(hub.wants<event::CacheInserted>());
  emit_both();
  CHECK(made == 1);
  const ObserverId counted_id = hub.attach_inline(counted);
  CHECK(hub.wants<event::CacheInserted>());
  emit_both();
  CHECK(made == 3);
  CHECK(hub.stats().delivered == 2);  // What only an inline observer wants does not wait in a ring.
  hub.detach(grown_id);
  emit_both();
  CHECK(made == 4);
  CHECK(grown->chosen == 2);
  CHECK(grown->others == 0);
  CHECK(counted->chosen == 2);
  CHECK(counted->others == 0);
  hub.detach(counted_id);
  emit_both();
  CHECK(made == 4);
  CHECK_FALSE(hub.observed());
}

}  // namespace
}  // namespace deriva
