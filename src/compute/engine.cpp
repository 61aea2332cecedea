#include "compute/engine.hpp"

#include <algorithm>
#include <random>
#include <thread>
#include <utility>

#include "compute/boundary.hpp"

namespace deriva::detail {
namespace {

/// How long a drain keeps a thread of the I/O executor before the host's own handlers get their turn.
constexpr std::chrono::milliseconds drain_time{1};

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32U) | device();
}

ExecutorOptions with_defaults(ExecutorOptions options) {
  if (options.concurrency == 0) options.concurrency = std::max(1U, std::thread::hardware_concurrency());
  options.coroutine_concurrency = std::max<std::size_t>(options.coroutine_concurrency, 1);
  options.flush_results = std::max<std::size_t>(options.flush_results, 1);
  return options;
}

Error cancelled() { return Error(Errc::cancelled, "the request was cancelled before its value was there"); }

}  // namespace

/// The completion of a thread that blocks in `materialize`.
class Engine::Blocked final : public Completion {
 public:
  struct Slot {
    std::optional<Result<Blob>> result;
  };
  Blocked(Engine& engine, Slot& slot) noexcept : engine_(engine), slot_(slot) {}
  void complete(Result<Blob> result) noexcept override {
    const std::lock_guard lock(engine_.mutex_);
    slot_.result.emplace(std::move(result));
    engine_.changed_.notify_all();
  }

 private:
  Engine& engine_;
  Slot& slot_;
};

Engine::Engine(std::unique_ptr<Scheduler> scheduler, Store& store, Resolver resolver, const ExecutorOptions& options)
    : scheduler_(std::move(scheduler)),
      store_(store),
      functions_(std::move(resolver)),
      options_(with_defaults(options)),
      verify_seed_(options.verify_seed ? *options.verify_seed : random_seed()),
      cache_(options.cache_bytes, random_seed()),
      plan_(random_seed()) {}

// --- Requests

/// What is there without computing: the value, an error, or nothing.
std::optional<Result<Blob>> Engine::look(const Address& address) {
  if (std::optional<Blob> cached = cache_.get(address)) return Result<Blob>(std::move(*cached));
  Result<std::optional<Blob>> stored = store_.value(address);
  if (!stored) return Result<Blob>(std::move(stored).error());
  if (!*stored) return std::nullopt;
  cache_.put(address, **stored);
  return Result<Blob>(std::move(**stored));
}

Result<Blob> Engine::materialize(const Address& address, MaterializeOptions options) {
  if (in_function()) {
    return Error(Errc::invalid_argument, "a function must not block on materialize: it would hold its slot");
  }
  const std::shared_ptr<Engine> self = shared_from_this();  // Shutdown does not wait for who is about to return.
  Blocked::Slot slot;
  start(next_request(), address, std::move(options), std::make_unique<Blocked>(*this, slot));
  Lock lock(mutex_);
  while (!slot.result) {
    if (active_ < options_.concurrency && backlog() > 0 && !stopping_) {
      enter();
      while (!slot.result && !stopping_ && step(lock)) {
      }
      leave();
    } else {
      ++blocked_;
      changed_.wait(lock);
      --blocked_;
    }
  }
  return std::move(*slot.result);
}

void Engine::start(RequestId id, const Address& address, MaterializeOptions options,
                   std::unique_ptr<Completion> completion) {
  auto request = std::make_shared<Request>();
  request->id = id;
  request->target = address;
  request->options = std::move(options);
  request->completion = std::move(completion);
  if (!request->options.verify.valid()) {
    return complete(*request, Error(Errc::invalid_argument, "the rate of verification must be within [0, 1]"));
  }
  if (const std::optional<Result<Blob>> known = look(address)) {
    request->outcome.reused = *known ? 1 : 0;
    return complete(*request, *known);
  }
  Lock lock(mutex_);
  if (stopping_) {
    lock.unlock();
    return complete(*request, cancelled());
  }
  request->reported = Clock::now();
  requests_.emplace(id, request);
  plan_.add_request(id, address, request->options.verify.rate());
  wake();
  deliver(lock, collect_finished());
}

void Engine::cancel(RequestId id) {
  Lock lock(mutex_);
  if (!plan_.drop_request(id)) return;
  const RequestPtr request = request_of(id);
  requests_.erase(id);
  conclude(lock, request, cancelled());
  stop_abandoned(lock);
}

/// Asks the coroutine functions to stop that nobody waits for any more.
void Engine::stop_abandoned(Lock& lock) {
  std::vector<std::stop_source> stops;
  for (const NodeId node : plan_.take_abandoned()) stops.push_back(coroutines_.at(node));
  if (stops.empty()) return;
  lock.unlock();
  for (std::stop_source& stop : stops) stop.request_stop();
  lock.lock();
}

Engine::RequestPtr Engine::request_of(RequestId id) const {
  const auto found = requests_.find(id);
  return found == requests_.end() ? nullptr : found->second;
}

/// Sorts out what the plan has finished: what can be delivered now is returned, what waits for a batch is kept.
std::vector<Engine::Delivery> Engine::collect_finished() {
  for (const RequestId id : plan_.take_joined()) {
    if (const RequestPtr request = request_of(id)) ++request->outcome.joined;
  }
  std::vector<Delivery> deliveries;
  for (Plan::Finished& finished : plan_.take_finished()) {
    RequestPtr request = request_of(finished.request);
    requests_.erase(finished.request);
    const std::uint64_t batch = unwritten_.empty() ? batch_ - 1 : batch_;
    if (finished.error) {
      deliveries.push_back({std::move(request), Result<Blob>(*finished.error)});
    } else if (batch > written_) {
      endings_.push_back({std::move(request), std::move(finished.value), batch});
    } else {
      deliveries.push_back({std::move(request), std::nullopt});
      if (finished.value) deliveries.back().result = std::move(*finished.value);
    }
  }
  return deliveries;
}

void Engine::deliver(Lock& lock, std::vector<Delivery> deliveries) {
  for (Delivery& delivery : deliveries) {
    if (!delivery.result) {
      lock.unlock();
      delivery.result = look(delivery.request->target);
      if (!delivery.result) delivery.result = Error(Errc::not_found, "the value was stored, and is gone");
      lock.lock();
    }
    conclude(lock, delivery.request, *std::move(delivery.result));
  }
}

/// Completes a request that has left `requests_`: at once, or when the last of its callbacks returns.
void Engine::conclude(Lock& lock, const RequestPtr& request, Result<Blob> result) {
  request->over = true;
  if (request->callbacks > 0) {
    request->held = std::move(result);
    return;
  }
  lock.unlock();
  complete(*request, result);
  lock.lock();
}

/// Requires: the request is over, or was never begun.
void Engine::complete(Request& request, const Result<Blob>& result) {
  if (request.options.outcome != nullptr) *request.options.outcome = request.outcome;
  request.completion->complete(result);
}

// --- Slots

/// Pieces of work that a thread could begin with now; writing counts when somebody waits for it, or nobody else would.
std::size_t Engine::backlog() const {
  const std::size_t places = options_.coroutine_concurrency - coroutines_.size();
  const bool to_write = !unwritten_.empty() && !writing_ && (!endings_.empty() || busy_ == 0);
  return plan_.ready_count() + std::min(parked_.size(), places) + (plan_.has_expansions() ? 1U : 0U) +
         (to_write ? 1U : 0U);
}

/// Sees to it that as many threads work as there is work for.
void Engine::wake() {
  if (stopping_) return;
  const std::size_t waiting = backlog();
  const std::size_t wanted = std::min(options_.concurrency, busy_ + waiting);
  while (active_ + posted_ < wanted) {
    ++posted_;
    scheduler_->post([self = shared_from_this()] { self->drain(); });
  }
  if (blocked_ > 0 && waiting > 0 && active_ < options_.concurrency) changed_.notify_all();
}

void Engine::drain() {
  Lock lock(mutex_);
  --posted_;
  if (stopping_ || active_ >= options_.concurrency) return;
  enter();
  const Clock::time_point end = Clock::now() + drain_time;
  while (!stopping_ && step(lock)) {
    if (Clock::now() >= end) break;
  }
  leave();
}

void Engine::leave() {
  --active_;
  if (stopping_) {
    changed_.notify_all();
  } else {
    wake();
  }
}

void Engine::shutdown() {
  Lock lock(mutex_);
  stopping_ = true;
  std::vector<std::stop_source> stops;
  for (auto& [node, stop] : coroutines_) stops.push_back(stop);
  std::vector<Delivery> deliveries;
  for (auto& [id, request] : requests_) {
    plan_.drop_request(id);
    deliveries.push_back({std::move(request), Result<Blob>(cancelled())});
  }
  requests_.clear();
  static_cast<void>(plan_.take_abandoned());  // They are among `stops`.
  lock.unlock();
  for (std::stop_source& stop : stops) stop.request_stop();
  lock.lock();
  deliver(lock, std::move(deliveries));
  changed_.notify_all();
  ++blocked_;
  changed_.wait(lock, [this] { return active_ == 0 && inside_ == 0; });
  --blocked_;
  write_results(lock);
}

}  // namespace deriva::detail
