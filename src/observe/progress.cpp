#include <deriva/observe/progress.hpp>

#include <algorithm>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <deriva/core/observer_hub.hpp>

namespace deriva {
namespace {

/// The recipes below the target that have no value, in no order.
std::unordered_map<Address, PlannedWork> missing_work(const Store& store, const Address& target) {
  constexpr std::size_t batch = 256;
  std::unordered_map<Address, PlannedWork> work;
  std::unordered_set<Address> seen = {target};
  std::vector<Address> next = {target};
  while (!next.empty()) {
    const std::size_t count = std::min(batch, next.size());
    const std::vector<Address> now(next.end() - static_cast<std::ptrdiff_t>(count), next.end());
    next.resize(next.size() - count);
    auto visit = [&](std::size_t index, Lookup::Answer answer) {
      auto* computable = std::get_if<Lookup::Computable>(&answer);
      if (computable == nullptr) return;
      Recipe& recipe = computable->recipe;
      for (const Address& input : recipe.inputs) {
        if (seen.insert(input).second) next.push_back(input);
      }
      work.emplace(now[index], PlannedWork{now[index], recipe.function.name + '/' + recipe.function.version,
                                           std::move(recipe.inputs)});
    };
    if (!store.look_up(now, visit)) return {};
  }
  return work;
}

/// Inputs first.
std::vector<PlannedWork> in_order(std::unordered_map<Address, PlannedWork> work) {
  std::unordered_map<Address, std::vector<Address>> dependents;
  std::unordered_map<Address, std::size_t> waiting_for;
  std::vector<Address> ready;
  for (const auto& [address, one] : work) {
    std::size_t count = 0;
    for (const Address& input : one.inputs) {
      if (work.count(input) == 0) continue;
      dependents[input].push_back(address);
      ++count;
    }
    waiting_for[address] = count;
    if (count == 0) ready.push_back(address);
  }
  std::vector<PlannedWork> ordered;
  ordered.reserve(work.size());
  while (!ready.empty()) {
    const Address address = ready.back();
    ready.pop_back();
    ordered.push_back(std::move(work.at(address)));
    for (const Address& dependent : dependents[address]) {
      if (--waiting_for[dependent] == 0) ready.push_back(dependent);
    }
  }
  return ordered;
}

}  // namespace

std::function<std::vector<PlannedWork>(const Address&)> plan_from(const Store& store) {
  return [&store](const Address& target) { return in_order(missing_work(store, target)); };
}

struct ProgressObserver::Impl {
  Impl(std::function<void(const ProgressReport&)> its_report, ProgressOptions its_options)
      : report(std::move(its_report)),
        options(std::move(its_options)),
        remaining(options.concurrency != 0 ? options.concurrency : std::thread::hardware_concurrency()) {}

  void take(const Event& event, const ObserverHub& hub);
  void tell(event::Time now);

  const std::function<void(const ProgressReport&)> report;
  const ProgressOptions options;
  RemainingTime remaining;
  ProgressReport state;
  std::uint64_t requests = 0;  ///< Under way.
  event::Time began{};
  event::Time told{};
  bool news = false;
};

ProgressObserver::ProgressObserver(std::function<void(const ProgressReport&)> report, ProgressOptions options)
    : impl_(std::make_unique<Impl>(std::move(report), std::move(options))) {}
ProgressObserver::~ProgressObserver() = default;

EventSet ProgressObserver::wanted() const noexcept {
  return EventSet::of<event::RequestStarted, event::RequestFinished, event::PlanMade, event::FunctionStarted,
                      event::FunctionFinished, event::CutOff, event::FlightFinished>();
}

void ProgressObserver::on_events(const EventBatch& batch) {
  for (const Event& event : batch.events) impl_->take(event, batch.hub);
}

void ProgressObserver::Impl::take(const Event& event, const ObserverHub& hub) {
  if (const auto* begun = event.as<event::RequestStarted>()) {
    if (requests++ == 0) {
      began = told = event.time;
      state = ProgressReport();
    }
    if (options.plan) remaining.plan(options.plan(begun->target));
  } else if (const auto* made = event.as<event::PlanMade>()) {
    state.total += made->nodes;
    news = true;
  } else if (const auto* started = event.as<event::FunctionStarted>()) {
    ++state.running;
    state.current = hub.name(started->function);
    remaining.started(started->address, event.time);
    news = true;
  } else if (const auto* ran = event.as<event::FunctionFinished>()) {
    if (state.running > 0) --state.running;
    state.bytes += ran->output_bytes;
    state.current = hub.name(ran->function);
    remaining.finished(ran->address, state.current, event.time - ran->started);
  } else if (const auto* skipped = event.as<event::CutOff>()) {
    remaining.skipped(skipped->address);
  } else if (const auto* ended = event.as<event::FlightFinished>()) {
    if (ended->ending != event::Ending::cancelled) ++state.done;
    if (ended->ending == event::Ending::failed) ++state.failed;
    news = true;
  } else if (event.as<event::RequestFinished>() && requests > 0) {
    state.finished = --requests == 0;
    news = true;
  }
  if (news && (state.finished || event.time - told >= options.interval)) tell(event.time);
}

void ProgressObserver::Impl::tell(event::Time now) {
  state.total = std::max(state.total, state.done + state.running);
  state.elapsed = now - began;
  state.remaining = state.finished ? std::chrono::nanoseconds(0) : remaining.estimate(now);
  if (!state.finished && !options.plan) state.remaining = std::nullopt;
  news = false;
  told = now;
  report(state);
  if (!state.finished) return;
  state = ProgressReport();
  remaining.clear();
}

}  // namespace deriva
