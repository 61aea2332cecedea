#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <deriva/core/event.hpp>
#include <deriva/core/observer.hpp>

#include "compute_fixture.hpp"

namespace deriva::test {

/// Keeps what it is told, in the order of the threads that tell.
class Recorder final : public Observer {
 public:
  void on_events(const EventBatch& batch) override {
    const std::lock_guard lock(mutex_);
    events_.insert(events_.end(), batch.events.begin(), batch.events.end());
  }
  std::vector<Event> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(events_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<Event> events_;
};

struct ObservedFixture : ComputeFixture {
  ObservedFixture() {
    id = hub->attach(recorder);
    add("fails",
        [](std::span<const Blob>, const Params&) -> Result<Blob> { return Error(Errc::function_failed, "x"); });
  }
  ExecutorOptions observed() const {
    ExecutorOptions options;
    options.observers = hub;
    return options;
  }
  /// All events since the last call.
  std::vector<Event> take() {
    hub->flush();
    return recorder->take();
  }
  template <class Body>
  std::vector<Body> take_all() {
    std::vector<Body> bodies;
    for (const Event& event : take()) {
      if (const auto* body = event.as<Body>()) bodies.push_back(*body);
    }
    return bodies;
  }
  std::shared_ptr<Recorder> recorder = std::make_shared<Recorder>();
  ObserverId id{};
};

inline std::vector<std::string> names_of(const std::vector<Event>& events) {
  std::vector<std::string> names;
  for (const Event& event : events) names.emplace_back(name_of(event.body));
  return names;
}

template <class Body>
const Body& only(const std::vector<Event>& events) {
  const Body* found = nullptr;
  for (const Event& event : events) {
    const auto* body = event.as<Body>();
    if (body == nullptr) continue;
    REQUIRE(found == nullptr);
    found = body;
  }
  REQUIRE(found != nullptr);
  return *found;
}

}  // namespace deriva::test
