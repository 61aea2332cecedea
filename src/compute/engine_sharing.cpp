// Executors of one store: what one of them computes, the others wait for.
#include <optional>
#include <utility>
#include <vector>

#include "compute/engine.hpp"

namespace deriva::detail {
namespace {

/// What is stored by now of these addresses, in order: on a snapshot that is taken now.
std::vector<std::optional<StoredBlob>> stored_values(const Store& store, std::span<const Address* const> addresses) {
  std::vector<std::optional<StoredBlob>> stored(addresses.size());
  const auto find = [&](StoreReader& reader) -> Result<void> {
    for (std::size_t i = 0; i < addresses.size(); ++i) {
      const std::optional<StoreReader::Id> id = reader.find(*addresses[i]);
      if (!id) continue;
      Result<std::optional<StoredBlob>> value = reader.value(*id);
      if (value) stored[i] = *std::move(value);
    }
    return {};
  };
  static_cast<void>(read(store, find));  // What is not found is computed.
  return stored;
}

Error sent_elsewhere() { return Error(Errc::cancelled, "the function began to wait for others"); }

}  // namespace

/// Tells an engine what became of a job that another one carries out.
class Engine::Landing final : public Completion<Blob> {
 public:
  Landing(std::shared_ptr<Engine> engine, std::shared_ptr<DetachedRun> run) noexcept
      : engine_(std::move(engine)), run_(std::move(run)) {}
  void complete(Result<Blob> result) noexcept override {
    engine_->landed(run_, std::move(result));
    delete this;
  }
  void destroy() noexcept override { delete this; }

 private:
  std::shared_ptr<Engine> engine_;
  std::shared_ptr<DetachedRun> run_;
};

// --- Whose flights they are

void Engine::declare_flights() {
  const Lock lock(mutex_);
  std::vector<NodeId> nodes;
  plan_.append_running(nodes);
  const auto begin = [&](const Address& address) { static_cast<void>(flights_.begin(address, shared_from_this())); };
  const auto begin_running = [&](StoreReader& reader) {
    for (const NodeId node : nodes) {
      if (const StoreId id = plan_.store_id(node); id != none) begin(reader.address_or_none(id));
    }
  };
  static_cast<void>(read_for_plan(begin_running));
  for (const Unwritten* unwritten : {&unwritten_, &being_written_}) {
    for (const ComputedResult& result : unwritten->results) begin(result.address);
  }
}

/// Others may begin it from now on. Not if another node has its address, which was forgotten.
void Engine::end_flight(NodeId node, const Address& address) {
  if (flights_.is_shared() && !plan_.has_successor(node)) flights_.end(address, *this);
}

/// Sets jobs of a batch apart that another executor has begun, and settles those whose results it has stored since they
/// were looked up.
void Engine::share(Lock& lock, Worker& worker) {
  look_addresses_up(worker);
  std::vector<std::uint32_t> ours;
  std::vector<std::shared_ptr<DetachedRun>> others;
  for (std::uint32_t i = 0; i < worker.ran.size(); ++i) {
    const Plan::Job& job = worker.batch.jobs[i];
    Worker::Ran& ran = worker.ran[i];
    if (ran.is_over || ran.result) continue;
    if (!flights_.begin(*job.address, shared_from_this())) {
      if (job.reason != RunReason::forced) ours.push_back(i);
    } else if (std::shared_ptr<DetachedRun> run = set_apart(worker, job, ran)) {
      others.push_back(std::move(run));
      ran.is_over = true;
    }
  }
  find_stored_by_now(worker, ours);
  if (others.empty()) return;
  lock.lock();
  for (std::shared_ptr<DetachedRun>& run : others) {
    end_run(run->job.node);
    run->owner = request_of(run->job.owner);
    retries_.emplace(scheduler_->now(), std::move(run));
  }
  lock.unlock();
}

void Engine::find_stored_by_now(Worker& worker, std::span<const std::uint32_t> jobs) {
  std::vector<const Address*> addresses;
  for (const std::uint32_t job : jobs) addresses.push_back(worker.batch.jobs[job].address);
  std::vector<std::optional<StoredBlob>> stored = stored_values(store_, addresses);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (!stored[i]) continue;
    Result<Blob> value = load(store_, *std::move(stored[i]));
    if (!value) continue;  // Damaged: it runs.
    Worker::Ran& ran = worker.ran[jobs[i]];
    if (!ran.extra) ran.extra = std::make_unique<Worker::Extra>();
    ran.extra->is_stored = true;
    ran.result = std::move(value);
  }
}

/// Whether a job that was set apart is to be carried out here. If not, it ends otherwise.
bool Engine::take_flight(Lock& lock, const std::shared_ptr<DetachedRun>& run) {
  const Plan::Task& job = run->job;
  FlightTable::OwnerPtr owner;
  while ((owner = flights_.begin(*job.address, shared_from_this(), owner)) != nullptr) {
    if (wait_elsewhere(lock, std::static_pointer_cast<Engine>(owner), run)) return false;
  }
  const Address* const address = job.address;
  std::optional<StoredBlob> stored;  // By whoever had it, if that one is gone, too.
  if (job.reason != RunReason::forced) stored = stored_values(store_, {&address, 1}).front();
  if (stored) {
    Result<Blob> value = load(store_, *std::move(stored));
    if (value) {
      lock.lock();
      settle_apart(lock, *run, std::move(value), std::nullopt);
      lock.unlock();
      return false;
    }
  }
  if (!job.function->function.takes_context()) return true;
  lock.lock();
  const bool is_wanted = plan_.wanted(job.node) && !plan_.forgotten(job.node);
  if (!is_wanted) {
    drop_job(*run);
  } else if (!runs_.contains(job.node)) {
    begin_run(run, job, run->owner);
    begin_time(*run);
  }
  lock.unlock();
  return is_wanted;
}

// --- Waiting for another executor

/// Asks another executor for the value of a job. False: it does not compute it any more.
bool Engine::wait_elsewhere(Lock& lock, const std::shared_ptr<Engine>& other, const std::shared_ptr<DetachedRun>& run) {
  const RequestId id = other->next_request();
  MaterializeOptions options;
  if (run->job.reason == RunReason::forced) options.recompute = Recompute::target;
  lock.lock();
  if (run->owner) {
    options.verify = run->owner->options.verify.value_or(options_.verify);
    options.priority = run->owner->options.priority;
  }
  end_run(run->job.node);
  run->over = false;
  run->expires = FunctionRun::never;  // The other one sees to that.
  run->elsewhere = std::make_unique<FunctionRun::Elsewhere>(FunctionRun::Elsewhere{other, id});
  runs_.emplace(run->job.node, run);
  plan_.set_stoppable(run->job.node);
  lock.unlock();
  Completion<Blob>::Ptr landing(new Landing(shared_from_this(), run));
  if (other->join(*run->job.address, id, std::move(options), std::move(landing))) {
    // Who gave it up before it had begun could not cancel it.
    if (run->stop.stop_requested()) other->cancel(id);
    return true;
  }
  lock.lock();
  come_back(*run);
  lock.unlock();
  return false;
}

/// It is no longer another executor's. If its function cannot be asked to stop, who comes later waits for it.
void Engine::come_back(DetachedRun& run) {
  run.elsewhere = nullptr;
  end_run(run.job.node);
  plan_.set_stoppable(run.job.node, false);
}

/// Starts a request for what is being computed here, and waits for nothing else. False: it is not.
bool Engine::join(const Address& address, RequestId id, MaterializeOptions options, Completion<Blob>::Ptr completion) {
  Looked looked;
  const Result<void> found = read(store_, [&](StoreReader& reader) {
    looked.numbering = reader.numbering();
    looked.id = reader.find(address);
  });
  if (!found || !looked.id) return false;
  Lock lock(mutex_);
  const bool must_run = options.recompute != Recompute::nothing;
  if (closed_ || looked.numbering != plan_.numbering() || !plan_.in_flight(*looked.id, must_run)) return false;
  const RequestPtr request = make_request(id, address, std::move(options), std::move(completion));
  request->is_elsewhere = true;
  plan(lock, request, looked);
  set_going(lock);
  return true;
}

/// On a thread of the other executor.
void Engine::landed(const std::shared_ptr<DetachedRun>& run, Result<Blob> result) {
  const Plan::Task& job = run->job;
  if (!come_inside(job)) return;
  const std::chrono::nanoseconds waited = scheduler_->now() - run->started;
  const std::chrono::nanoseconds compute_time = flights_.compute_time(*job.address).value_or(waited);
  Lock lock(mutex_);
  come_back(*run);
  const bool goes_on = result || result.error().code() != Errc::cancelled;  // No function ends so.
  if (goes_on || plan_.forgotten(job.node)) {
    settle_apart(lock, *run, std::move(result), compute_time);
  } else {
    retries_.emplace(scheduler_->now(), run);
  }
  lock.unlock();
  go_outside();
}

/// As `settle_apart` of what was carried out.
void Engine::settle_apart(Lock& lock, DetachedRun& run, Result<Blob> result,
                          std::optional<std::chrono::nanoseconds> compute_time) {
  end_run(run.job.node);
  events_.take_time();
  if (plan_.forgotten(run.job.node)) result = Error(Errc::cancelled, "nobody waited for the value any more");
  const RequestPtr owner = run.owner && !run.owner->over ? run.owner : nullptr;
  settle_shared(owner, run.job, result, compute_time);
  stop_abandoned(lock);
  if (owner) report_progress(lock, owner);
  deliver(lock);
}

/// Publishes what a job came to that was not carried out here. `compute_time`: nothing, if it is stored.
void Engine::settle_shared(const RequestPtr& owner, const Plan::Task& job, Result<Blob>& result,
                           std::optional<std::chrono::nanoseconds> compute_time) {
  if (!result || !plan_.has_memory_for(job, result->size())) return settle_one(owner, job, result, {}, nullptr);
  const bool is_stored = !compute_time;
  if (owner) {
    --owner->begun;
    --owner->progress.planned;
    ++(is_stored ? owner->outcome.reused : owner->outcome.joined);
    if (is_stored) ++owner->progress.reused;
  }
  const NodeId node = job.node;
  plan_.release(job);
  events_.flight_finished(job, result, options_.store_results && !is_stored);
  if (is_stored) {
    plan_.pin(node);
  } else if (options_.store_results) {
    // The other one stores it, too, but when? Who waits for this batch relies on it.
    keep_result(job, *result, *compute_time, false, {});
  }
  plan_.complete(node, *std::move(result));
  if (!is_stored) return;
  plan_.set_written(node);
  end_flight(job);
  plan_.unpin(node);
}

// --- No longer waiting

/// A function that waits itself is not waited for elsewhere: a cycle might lead through several executors, and no plan
/// would see it.
void Engine::send_elsewhere(Lock& lock, const Plan::Task& job) {
  if (!flights_.is_shared()) return;
  end_flight(job);
  std::vector<RequestId> requests;
  plan_.append_requests(job.node, requests);
  for (const RequestId id : requests) {
    const RequestPtr request = request_of(id);
    if (request && request->is_elsewhere) give_up(lock, id, sent_elsewhere());
  }
}

}  // namespace deriva::detail
