// The order in which events of several threads are delivered.
#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include <deriva/core/observer_hub.hpp>

#include "support/catch.hpp"

namespace deriva {
namespace {

constexpr std::uint64_t rounds = 2'000;

/// Of insertions, 2i is the cause of 2i + 1. Others are ballast.
class Causality final : public Observer {
 public:
  void on_events(const EventBatch& batch) override {
    for (const Event& event : batch.events) {
      const auto* const insertion = event.as<event::CacheInserted>();
      if (insertion == nullptr) continue;
      const std::uint64_t number = insertion->bytes;
      if (number % 2 == 1 && !seen[number - 1]) ++before_their_cause;
      seen[number] = true;
    }
  }
  std::vector<bool> seen = std::vector<bool>(2 * rounds);
  std::uint64_t before_their_cause = 0;
};

TEST_CASE("hub: what happened in one thread because of another is never delivered before that") {
  ObserverHub hub({.ring_events = 1U << 14U});
  const auto tell = [&](std::uint64_t number) { hub.emit(event::CacheInserted{{}, number, 0, false}); };
  const auto order = std::make_shared<Causality>();
  const ObserverId id = hub.attach(order);
  std::atomic<std::uint64_t> told{0};  // Numbers below this.
  const auto await = [&](std::uint64_t number) {
    while (told.load() < number) std::this_thread::yield();
  };
  std::jthread cause([&] {
    for (std::uint64_t i = 0; i < rounds; ++i) {
      await(2 * i);
      tell(2 * i);
      told.store(2 * i + 1);
    }
  });
  await(1);
  // Its ring comes between the two others, and takes a while to be fetched.
  std::jthread ballast([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) hub.emit(event::MapGrown{1, 2});
  });
  while (hub.stats().threads < 2) std::this_thread::yield();
  std::jthread consequence([&] {
    for (std::uint64_t i = 0; i < rounds; ++i) {
      await(2 * i + 1);
      tell(2 * i + 1);
      told.store(2 * i + 2);
    }
  });
  while (told.load() < 2 * rounds) hub.flush();
  ballast.request_stop();
  hub.detach(id);
  CHECK(order->before_their_cause == 0);
  CHECK(std::ranges::count(order->seen, true) == 2 * rounds);
}

}  // namespace
}  // namespace deriva
