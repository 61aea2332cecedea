#include <deriva/core/observer_hub.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "core/event_ring.hpp"
#include "core/name_table.hpp"
#include "core/random.hpp"
#include "core/thread_rings.hpp"

namespace deriva {
namespace {

using detail::EventRing;

/// How long an event waits for delivery, at most, when nothing hurries it.
constexpr std::chrono::milliseconds delivery_interval{10};
constexpr std::size_t failures_kept = 16;

}  // namespace

struct ObserverHub::Impl {
  struct Attached {
    ObserverId id;
    EventSet wanted;
    std::shared_ptr<Observer> observer;
  };
  struct AttachedInline {
    ObserverId id;
    EventSet wanted;
    std::shared_ptr<InlineObserver> observer;
  };
  using InlineList = std::vector<AttachedInline>;
  using Lock = std::unique_lock<std::mutex>;

  Impl(ObserverHub& own_hub, const ObserverHubOptions& options) : hub(own_hub), ring_events(options.ring_events) {}

  // Emitting
  EventRing& ring();
  void retire_rings();

  // Delivering
  void run();
  void deliver(Lock& lock);
  void give(const Attached& attached, const EventBatch& batch, Lock& lock);
  void start(Lock& lock);
  void await_round(Lock& lock);
  bool on_delivery_thread() const { return running && worker.get_id() == std::this_thread::get_id(); }
  void remove(ObserverId id);
  void update_wanted();
  std::uint64_t total_dropped() const;

  ObserverHub& hub;
  const std::size_t ring_events;

  std::mutex control;  ///< Held while an observer is attached or detached; taken before `mutex`.
  mutable std::mutex mutex;
  std::condition_variable wake;
  std::condition_variable round_over;
  std::vector<std::shared_ptr<EventRing>> rings;  ///< By thread number; null: the number is free.
  std::vector<Attached> observers;
  std::deque<InlineList> inline_lists;  ///< All there ever were: an emitting thread may be reading one.
  std::atomic<const InlineList*> inline_list{nullptr};
  std::vector<ObserverFailure> failures;
  std::uint64_t next_id = 1;
  std::uint64_t delivered = 0;
  std::uint64_t retired_dropped = 0;   ///< Of rings that are gone.
  std::uint64_t told_dropped = 0;      ///< Of all: what observers were told.
  std::atomic<std::uint64_t> lost{0};  ///< Dropped because there was no memory for a ring.
  std::uint64_t rounds_wanted = 0;
  std::uint64_t rounds_started = 0;
  std::uint64_t rounds_over = 0;
  bool running = false;  ///< The delivery thread will look at `observers` again.
  std::atomic<bool> hurry{false};
  std::thread worker;
  std::vector<Event> events;  ///< The delivery thread's: fetched and not delivered.

  std::atomic<std::uint64_t> hosts{0};
  /// Tells the traces of two hubs apart.
  const std::array<std::uint8_t, 16> trace_seed =
      std::bit_cast<std::array<std::uint8_t, 16>>(std::array{detail::random_seed(), detail::random_seed()});

  detail::NameTable names;
};

ObserverHub::ObserverHub(ObserverHubOptions options) : impl_(std::make_unique<Impl>(*this, options)) {}

ObserverHub::~ObserverHub() {
  std::vector<ObserverId> attached;
  {
    const std::lock_guard lock(impl_->mutex);
    for (const auto& one : impl_->observers) attached.push_back(one.id);
  }
  for (const ObserverId id : attached) detach(id);
  if (impl_->worker.joinable()) impl_->worker.join();
  for (const std::shared_ptr<EventRing>& ring : impl_->rings) {
    if (ring) ring->disown();
  }
}

// --- Emitting

ObserverHub::Slot ObserverHub::begin(std::uint32_t kind) noexcept {
  const std::uint64_t wanted = wanted_.load(std::memory_order_acquire);
  try {
    EventRing* ring = detail::ThreadRings::last(impl_.get());
    if (ring == nullptr) ring = &impl_->ring();
    Slot slot{nullptr, ring, ring->thread(), false};
    if ((wanted & kind) != 0) slot.event = ring->next();
    slot.waits = slot.event != nullptr;
    if (!slot.waits && (wanted >> inline_shift & kind) != 0) slot.event = ring->spare();
    return slot;
  } catch (const std::exception&) {  // No memory for a ring.
    impl_->lost.fetch_add(1, std::memory_order_relaxed);
    return {};
  }
}

void ObserverHub::finish(const Slot& slot) noexcept {
  if (const Impl::InlineList* const list = impl_->inline_list.load(std::memory_order_acquire)) {
    for (const Impl::AttachedInline& attached : *list) {
      if (attached.wanted.contains(*slot.event)) attached.observer->on_event(*slot.event);
    }
  }
  if (!slot.waits || !slot.ring->push()) return;
  impl_->hurry.store(true, std::memory_order_relaxed);
  impl_->wake.notify_one();  // Without the lock: a notification that is missed costs one interval.
}

EventRing& ObserverHub::Impl::ring() {
  if (EventRing* const known = detail::ThreadRings::of(this)) return *known;
  detail::ThreadRings::prepare();
  const std::lock_guard lock(mutex);
  retire_rings();
  auto place = std::find(rings.begin(), rings.end(), nullptr);
  if (place == rings.end()) place = rings.insert(rings.end(), nullptr);
  *place = std::make_shared<EventRing>(this, static_cast<std::uint32_t>(place - rings.begin()), ring_events);
  return detail::ThreadRings::add(*place);
}

/// Lets go of the rings whose threads are gone and which were emptied. Requires: the lock.
void ObserverHub::Impl::retire_rings() {
  for (std::shared_ptr<EventRing>& ring : rings) {
    if (!ring || ring.use_count() != 1) continue;
    std::atomic_thread_fence(std::memory_order_acquire);  // The thread is gone: see all that it did.
    if (!ring->empty()) continue;
    retired_dropped += ring->dropped();
    ring.reset();
  }
}

// --- Attaching and detaching

ObserverId ObserverHub::attach(std::shared_ptr<Observer> observer) {
  const std::lock_guard control(impl_->control);
  Impl::Lock lock(impl_->mutex);
  const auto id = static_cast<ObserverId>(impl_->next_id++);
  const EventSet wanted = observer->wanted();
  impl_->start(lock);
  impl_->observers.push_back({id, wanted, std::move(observer)});
  impl_->update_wanted();
  return id;
}

ObserverId ObserverHub::attach_inline(std::shared_ptr<InlineObserver> observer) {
  const std::lock_guard control(impl_->control);
  const std::lock_guard lock(impl_->mutex);
  const auto id = static_cast<ObserverId>(impl_->next_id++);
  Impl::InlineList list = impl_->inline_lists.empty() ? Impl::InlineList() : impl_->inline_lists.back();
  const EventSet wanted = observer->wanted();
  list.push_back({id, wanted, std::move(observer)});
  impl_->inline_list.store(&impl_->inline_lists.emplace_back(std::move(list)), std::memory_order_release);
  impl_->update_wanted();
  return id;
}

bool ObserverHub::detach(ObserverId observer) {
  const auto is_it = [observer](const auto& attached) { return attached.id == observer; };
  Impl::Lock lock(impl_->mutex);
  if (impl_->on_delivery_thread()) {
    const bool found = std::any_of(impl_->observers.begin(), impl_->observers.end(), is_it);
    impl_->remove(observer);
    return found;
  }
  lock.unlock();
  const std::lock_guard control(impl_->control);
  lock.lock();
  if (!impl_->inline_lists.empty()) {
    Impl::InlineList list = impl_->inline_lists.back();
    if (std::erase_if(list, is_it) > 0) {
      impl_->inline_list.store(&impl_->inline_lists.emplace_back(std::move(list)), std::memory_order_release);
      impl_->update_wanted();
      return true;
    }
  }
  if (std::none_of(impl_->observers.begin(), impl_->observers.end(), is_it)) return false;
  impl_->await_round(lock);
  impl_->remove(observer);
  const std::uint64_t begun = impl_->rounds_started;  // By now it may be in the middle of another round.
  impl_->round_over.wait(lock, [&] { return !impl_->running || impl_->rounds_over >= begun; });
  if (impl_->observers.empty() && impl_->worker.joinable()) {
    impl_->wake.notify_all();
    lock.unlock();
    impl_->worker.join();
  }
  return true;
}

/// Requires: the lock.
void ObserverHub::Impl::remove(ObserverId id) {
  std::erase_if(observers, [id](const Attached& attached) { return attached.id == id; });
  update_wanted();
}

/// Requires: the lock.
void ObserverHub::Impl::update_wanted() {
  EventSet batches;
  EventSet at_once;
  for (const Attached& attached : observers) batches = batches | attached.wanted;
  if (!inline_lists.empty()) {
    for (const AttachedInline& attached : inline_lists.back()) at_once = at_once | attached.wanted;
  }
  hub.wanted_.store(std::uint64_t{at_once.bits()} << inline_shift | batches.bits(), std::memory_order_release);
}

// --- Delivering

/// Sees to it that there is a delivery thread. Requires: both locks.
void ObserverHub::Impl::start(Lock& lock) {
  if (running) return;
  if (worker.joinable()) {
    lock.unlock();
    worker.join();
    lock.lock();
  }
  for (const std::shared_ptr<EventRing>& ring : rings) {
    if (ring) ring->clear();  // From before: of no interest to a new observer.
  }
  events.clear();
  told_dropped = total_dropped();
  worker = std::thread([this] { run(); });
  running = true;
}

/// The delivery thread: works until nobody is attached.
void ObserverHub::Impl::run() {
  Lock lock(mutex);
  while (!observers.empty()) {
    wake.wait_for(lock, delivery_interval, [this] {
      return observers.empty() || rounds_wanted > rounds_started || hurry.load(std::memory_order_relaxed);
    });
    hurry.store(false, std::memory_order_relaxed);
    deliver(lock);
  }
  running = false;
  round_over.notify_all();
}

/// One round: what is in the rings now goes to those who are attached now. The rings are fetched one after the other,
/// so that of something that happens meanwhile its consequence may be found and not its cause: it waits for the next
/// round.
void ObserverHub::Impl::deliver(Lock& lock) {
  ++rounds_started;
  std::vector<std::shared_ptr<EventRing>> from = rings;
  const std::vector<Attached> to = observers;
  const std::uint64_t dropped = total_dropped();
  const std::uint64_t newly_dropped = dropped - std::exchange(told_dropped, dropped);
  lock.unlock();

  const event::Time begun = event::Clock::now();
  for (const std::shared_ptr<EventRing>& ring : from) {
    if (ring) ring->drain(events);
  }
  from.clear();
  const auto is_earlier = [](const Event& a, const Event& b) { return a.time < b.time; };
  if (!std::is_sorted(events.begin(), events.end(), is_earlier)) {
    std::stable_sort(events.begin(), events.end(), is_earlier);
  }
  const auto later = std::ranges::upper_bound(events, begun, {}, &Event::time);
  const EventBatch batch{{events.begin(), later}, hub, newly_dropped};
  lock.lock();
  if (!batch.events.empty() || newly_dropped > 0) {
    for (const Attached& attached : to) give(attached, batch, lock);
  }
  if (!to.empty()) delivered += batch.events.size();
  events.erase(events.begin(), later);
  retire_rings();
  rounds_over = rounds_started;
  round_over.notify_all();
}

void ObserverHub::Impl::give(const Attached& attached, const EventBatch& batch, Lock& lock) {
  lock.unlock();
  std::string what;
  bool threw = true;
  try {
    attached.observer->on_events(batch);
    threw = false;
  } catch (const std::exception& exception) {
    what = exception.what();
  } catch (...) {
    what = "not a std::exception";
  }
  lock.lock();
  if (!threw) return;
  remove(attached.id);
  if (failures.size() == failures_kept) failures.erase(failures.begin());
  failures.push_back({attached.id, std::move(what)});
  lock.unlock();
  hub.emit(event::ObserverFailed{static_cast<std::uint64_t>(attached.id)});
  lock.lock();
}

/// Waits for a round that begins after now. Requires: the lock.
void ObserverHub::Impl::await_round(Lock& lock) {
  const std::uint64_t target = rounds_started + 1;
  rounds_wanted = std::max(rounds_wanted, target);
  wake.notify_all();
  round_over.wait(lock, [&] { return !running || rounds_over >= target; });
}

void ObserverHub::flush() {
  Impl::Lock lock(impl_->mutex);
  if (impl_->running && !impl_->on_delivery_thread()) impl_->await_round(lock);
}

// --- Names

event::NameId ObserverHub::name_id(std::string_view name) { return impl_->names.id(name); }

std::string_view ObserverHub::name(event::NameId id) const { return impl_->names.name(id); }

std::uint64_t ObserverHub::take_numbers() noexcept { return impl_->hosts.fetch_add(1) << 40U; }

TraceContext ObserverHub::context_of(event::RequestNumber request, const TraceContext& parent) const noexcept {
  if (parent.valid()) return parent.child(request);
  TraceContext root;
  root.trace_id = impl_->trace_seed;
  root.span_id.back() = 1;
  const TraceContext high = root.child(2 * request);
  const TraceContext low = root.child(2 * request + 1);
  std::copy(high.span_id.begin(), high.span_id.end(), root.trace_id.begin());
  std::copy(low.span_id.begin(), low.span_id.end(), root.trace_id.begin() + 8);
  root.flags = 1;
  return root.child(request);
}

// --- Facts

/// Requires: the lock.
std::uint64_t ObserverHub::Impl::total_dropped() const {
  std::uint64_t total = retired_dropped + lost.load(std::memory_order_relaxed);
  for (const std::shared_ptr<EventRing>& ring : rings) {
    if (ring) total += ring->dropped();
  }
  return total;
}

ObserverHubStats ObserverHub::stats() const {
  const std::lock_guard lock(impl_->mutex);
  ObserverHubStats stats;
  stats.delivered = impl_->delivered;
  stats.dropped = impl_->total_dropped();
  stats.observers = impl_->observers.size() + (impl_->inline_lists.empty() ? 0 : impl_->inline_lists.back().size());
  stats.threads = static_cast<std::size_t>(
      std::count_if(impl_->rings.begin(), impl_->rings.end(),
                    [](const std::shared_ptr<EventRing>& ring) { return ring && ring.use_count() > 1; }));
  return stats;
}

std::vector<ObserverFailure> ObserverHub::failures() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->failures;
}

}  // namespace deriva
