#include "compute/engine.hpp"

#include <algorithm>
#include <thread>
#include <utility>

#include "compute/boundary.hpp"
#include "core/random.hpp"
#include "store/store_impl.hpp"

namespace deriva::detail {
namespace {

ExecutorOptions with_defaults(ExecutorOptions options) {
  if (options.concurrency == 0) options.concurrency = std::max(1U, std::thread::hardware_concurrency());
  options.coroutine_concurrency = std::max<std::size_t>(options.coroutine_concurrency, 1);
  if (options.memory_bytes > 0) {  // An eighth for values that are written, and for the pages that change with them.
    constexpr std::size_t page_bytes_per_result = 8'192;
    options.flush_bytes = std::min(options.flush_bytes, options.memory_bytes / 8);
    options.flush_results = std::min(options.flush_results, options.memory_bytes / 8 / page_bytes_per_result);
  }
  options.flush_results = std::max<std::size_t>(options.flush_results, 1);
  return options;
}

Error cancelled() { return Error(Errc::cancelled, "the request was cancelled before its value was there"); }

/// Nodes that a cancellation frees itself; the rest is left to those who work.
constexpr std::size_t sweep_at_once = 1'024;

}  // namespace

Engine::Engine(std::unique_ptr<Scheduler> scheduler, Store& store, Resolver resolver, const ExecutorOptions& options)
    : scheduler_(std::move(scheduler)),
      store_(store),
      flights_(StoreAccess::flights(store)),
      options_(with_defaults(options)),
      events_(options.observers),
      functions_(std::move(resolver), events_.hub()),
      verify_seed_(options.verify_seed ? *options.verify_seed : random_seed()),
      cache_(options.memory_bytes == 0 ? options.cache_bytes : std::min(options.cache_bytes, options.memory_bytes / 4),
             random_seed(), 0, events_.hub()),
      plan_(StoreAccess::blocks(store)),
      coroutine_limit_(plan_.add_limit(options_.coroutine_concurrency)),
      blocking_limit_(plan_.add_limit(options_.blocking_concurrency)),
      known_errors_(options.remembered_errors) {
  if (options_.memory_bytes > 0) plan_.limit_memory(options_.memory_bytes - cache_.capacity());
  for (const Resource& resource : options_.resources) {
    if (!resource.name.empty()) resources_.try_emplace(resource.name, plan_.add_limit(resource.places));
  }
}

/// What is there without computing: the value, an error, or nothing.
std::optional<Result<Blob>> Engine::look(const Address& address, RequestId request) {
  if (std::optional<Blob> cached = look_in_cache(address, request)) return Result<Blob>(std::move(*cached));
  const Clock::time_point started = events_.now();
  Result<std::optional<Blob>> stored = store_.value(address);
  if (!stored) return Result<Blob>(std::move(stored).error());
  if (events_.on()) events_.looked_up(event::Tier::store, request, started, address, *stored ? &**stored : nullptr);
  if (!*stored) return std::nullopt;
  cache_.put(address, **stored);
  return Result<Blob>(std::move(**stored));
}

std::optional<Blob> Engine::look_in_cache(const Address& address, RequestId request) {
  if (!events_.on()) return cache_.get(address);
  const Clock::time_point started = events_.now();
  std::optional<Blob> cached = cache_.get(address);
  events_.looked_up(event::Tier::memory, request, started, address, cached ? &*cached : nullptr);
  return cached;
}

/// The value of what is known to be stored.
Result<Blob> Engine::stored_value(const Address& address, RequestId request) {
  return look(address, request).value_or(Error(Errc::not_found, "the value was stored, and is gone"));
}

std::optional<Error> Engine::refuse(const MaterializeOptions& options) const {
  if (!options.verify.value_or(options_.verify).valid()) {
    return Error(Errc::invalid_argument, "the rate of verification is not within [0, 1], or its executions are not");
  }
  if (options.durable && !options_.store_results) {
    return Error(Errc::invalid_argument, "a value cannot be durable if results are not stored");
  }
  return std::nullopt;
}

/// One look-up: the stored value, or the number under which it is planned.
Looked Engine::look_in_store(const Address& address, RequestId request, bool forced) {
  Looked looked;
  const Clock::time_point started = events_.now();
  std::optional<StoredBlob> stored;
  const Result<void> read_ = read(store_, [&](StoreReader& reader) -> Result<void> {
    looked.numbering = reader.numbering();
    looked.id = reader.find(address);
    if (!looked.id) return {};
    if (forced && reader.look_up(*looked.id).has_recipe) return {};
    Result<std::optional<StoredBlob>> value = reader.value(*looked.id);
    if (!value) return value.error();
    stored = *std::move(value);
    return {};
  });
  if (!read_) {
    looked.known = read_.error().with_address(address);
  } else if (stored) {
    Result<Blob> value = load(store_, *std::move(stored));
    if (value) {
      if (events_.on()) events_.hit(event::Tier::store, request, started, address, value->size());
      cache_.put(address, *value);
      looked.known = std::move(value);
    } else {
      looked.known = value.error().with_address(address);
    }
  } else if (!looked.id) {  // A leaf that nothing depends on.
    looked.known = look(address, request);
    if (!looked.known) {
      looked.known = Error(Errc::not_found, "no leaf and no recipe has this address").with_address(address);
    }
  }
  return looked;
}

/// Answers the request at once, or plans it: then the lock that is returned owns the mutex, and somebody is to work.
Engine::Lock Engine::begin(RequestId id, const Address& address, MaterializeOptions options,
                           Completion<Blob>::Ptr completion) {
  const Clock::time_point started = events_.request_started(id, address, options.trace);
  const auto answer = [&](Result<Blob> result) {
    if (options.outcome != nullptr) {
      *options.outcome = Outcome();
      options.outcome->reused = result ? 1 : 0;
    }
    events_.request_answered(id, started, address, result);
    finish<Blob>(std::move(completion), std::move(result));
    return Lock();
  };
  if (const std::optional<Error> refused = refuse(options)) return answer(*refused);
  const bool forced = options.recompute != Recompute::nothing;
  std::optional<Blob> cached = forced ? std::nullopt : look_in_cache(address, id);
  if (cached) return answer(std::move(*cached));
  Looked looked = look_in_store(address, id, forced);
  if (looked.known) return answer(*std::move(looked.known));
  if (options.deadline && *options.deadline <= scheduler_->now()) {
    return answer(Error(Errc::deadline_exceeded, "the time allowed for the request was over when it began"));
  }

  Lock lock(mutex_);
  if (stopping_) {
    lock.unlock();
    return answer(cancelled());
  }
  const RequestPtr request = make_request(id, address, std::move(options), std::move(completion));
  request->started = started;
  plan(lock, request, looked);
  return lock;
}

void Engine::start(RequestId id, const Address& address, MaterializeOptions options, Completion<Blob>::Ptr completion) {
  Lock lock = begin(id, address, std::move(options), std::move(completion));
  if (lock) set_going(lock);
}

RequestPtr Engine::make_request(RequestId id, const Address& address, MaterializeOptions options,
                                Completion<Blob>::Ptr completion) {
  RequestPtr request;
  if (!unused_requests_.empty()) {
    request = std::move(unused_requests_.back());
    unused_requests_.pop_back();
  } else {
    request = std::make_shared<Request>();
  }
  request->id = id;
  request->target = address;
  request->options = std::move(options);
  request->completion = std::move(completion);
  if (requests_.empty() && endings_.empty()) refused_.clear();
  request->first_refusal = refused_.size();
  if (request->options.progress) {
    request->running = std::make_shared<RequestProgress>(id, request->options.progress_interval);
  }
  return request;
}

void Engine::plan(Lock& lock, const RequestPtr& request, const Looked& looked) {
  requests_.emplace(request->id, request);
  listeners_ += request->options.on_computed ? 1U : 0U;
  watchers_ += request->options.progress ? 1U : 0U;
  ++interruptions_;
  if (plan_.size() == 0) gone_ = flights_.dismissed();
  StoreId id = *looked.id;
  if (looked.numbering != plan_.numbering()) {
    // The graph was compacted between two snapshots, or nothing was ever planned.
    Result<void> agreed = read(store_, [&](StoreReader& reader) {
      follow_numbering(reader);
      const std::optional<StoreId> found = reader.find(request->target);
      id = plan_.numbering() == reader.numbering() && found ? *found : none;
    });
    if (!agreed || id == none) {
      static_cast<void>(take_request(request->id));
      return conclude(
          lock, request,
          agreed ? Error(Errc::not_found, "the recipe was removed").with_address(request->target) : agreed.error());
    }
  }
  const MaterializeOptions& options = request->options;
  plan_.add_request({request->id, id, verify_rate(options.verify.value_or(options_.verify)), options.priority,
                     options.on_failure == FailurePolicy::keep_going, options.recompute,
                     request->waiter ? request->waiter->job.node : none});
  if (!request->waiter) events_.plan_began(request);
  add_deadline(*request);
}

/// What was planned is other threads' to work for.
void Engine::set_going(Lock& lock) {
  wake();
  deliver(lock);
}

void Engine::cancel(RequestId id) {
  Lock lock(mutex_);
  give_up(lock, id, cancelled());
}

/// Ends a request at once, if it is not over; what only it wanted is freed in slices.
void Engine::give_up(Lock& lock, RequestId id, const Error& why) {
  plan_.drop_request(id);
  const RequestPtr request = take_request(id);
  if (!request) return;
  ++interruptions_;
  plan_.sweep(sweep_at_once);
  stop_abandoned(lock);
  wake();
  conclude(lock, request, why);
}

/// Takes a request out of the table, that is over; null if it is not there any more.
RequestPtr Engine::take_request(RequestId id) {
  const auto entry = requests_.find(id);
  if (entry == requests_.end()) return nullptr;
  RequestPtr request = std::move(entry->second);
  requests_.erase(entry);
  listeners_ -= request->options.on_computed ? 1U : 0U;
  watchers_ -= request->options.progress ? 1U : 0U;
  remove_deadline(*request);
  return request;
}

RequestPtr Engine::request_of(RequestId id) const {
  const auto found = requests_.find(id);
  return found == requests_.end() ? nullptr : found->second;
}

/// Keeps it for the next node of the same request.
const RequestPtr& Engine::find_owner(Worker& worker, RequestId id) {
  recycle(std::exchange(worker.owner, request_of(id)));
  return worker.owner;
}

void Engine::shutdown() {
  Lock lock(mutex_);
  stopping_ = true;
  ++interruptions_;
  std::vector<std::shared_ptr<FunctionRun>> running;
  for (auto& [node, run] : runs_) running.push_back(std::move(run));
  runs_.clear();  // They know the engine.
  deadlines_.clear();
  function_deadlines_.clear();
  retries_.clear();
  scheduler_->disarm();
  cancel_all(lock, false);                    // Other executors may wait for what runs to its end.
  static_cast<void>(plan_.take_abandoned());  // They are among `running`.
  ask_to_stop(lock, running);
  for (const std::shared_ptr<FunctionRun>& run : running) go_on(lock, *run);
  tell_blocked();
  ++blocked_;
  changed_.wait(lock, [this] { return active_ == 0 && inside_ == 0; });
  --blocked_;
  write_results(lock);
  closed_ = true;
  cancel_all(lock, true);
  const auto begun_meanwhile = std::exchange(runs_, {});  // By who had left the mutex: as above.
  lock.unlock();
  flights_.dismiss(*this);
  scheduler_->join();
}

/// Ends the requests that are open; those of other executors only if they are meant, too.
void Engine::cancel_all(Lock& lock, bool from_elsewhere) {
  std::vector<RequestPtr> open;
  for (const auto& [id, request] : requests_) {
    if (from_elsewhere || !request->is_elsewhere) open.push_back(request);
  }
  for (const RequestPtr& request : open) {
    plan_.drop_request(request->id);
    static_cast<void>(take_request(request->id));
  }
  for (const RequestPtr& request : open) conclude(lock, request, cancelled());
}

}  // namespace deriva::detail
