// Functions that take a context: they can be asked to stop, and coroutine functions can wait for other values.
#include <algorithm>
#include <utility>

#include "compute/boundary.hpp"
#include "compute/engine.hpp"

namespace deriva::detail {
namespace {

Error not_wanted() { return Error(Errc::cancelled, "nobody waits for the value of the function any more"); }

}  // namespace

/// From now on the function can be asked to stop. Its own time begins with `begin_time`.
void Engine::begin_run(const std::shared_ptr<FunctionRun>& run, const Plan::Task& job, const RequestPtr& owner) {
  run->over = false;
  run->expires = FunctionRun::never;
  run->set_job(job);
  run->context.address = &run->job_address;
  run->context.stop = run->stop.get_token();
  run->context.trace = events_.trace_of(job, owner);
  run->context.deadline = owner ? owner->options.deadline : std::nullopt;
  begin_progress(*run, job, owner);
  runs_.emplace(job.node, run);
  plan_.set_stoppable(job.node);
}

/// If it is one of those.
void Engine::end_run(NodeId node) {
  const auto found = runs_.find(node);
  if (found == runs_.end()) return;
  found->second->over = true;
  end_progress(*found->second);
  remove_deadline(*found->second);
  runs_.erase(found);
}

/// Those that run elsewhere are given up there. Leaves the lock meanwhile.
void Engine::ask_to_stop(Lock& lock, std::span<const std::shared_ptr<FunctionRun>> runs) {
  std::vector<FunctionRun::Elsewhere> left;
  for (const std::shared_ptr<FunctionRun>& run : runs) {
    if (run->elsewhere) left.push_back(*run->elsewhere);
  }
  lock.unlock();
  for (const std::shared_ptr<FunctionRun>& run : runs) run->stop.request_stop();
  for (const auto& [engine, request] : left) engine->cancel(request);
  lock.lock();
}

/// Asks functions to stop that nobody waits for any more, and ends what they wait for.
void Engine::stop_abandoned(Lock& lock) {
  while (plan_.has_abandoned()) {
    std::vector<std::shared_ptr<FunctionRun>> stopped;
    std::vector<RequestPtr> waits;
    for (const NodeId node : plan_.take_abandoned()) {
      const auto found = runs_.find(node);
      if (found == runs_.end()) continue;  // Shutting down, all are asked.
      end_flight(found->second->job);
      stopped.push_back(found->second);
      end_progress(*stopped.back());
      if (!stopped.back()->waits) continue;
      for (const RequestId id : stopped.back()->waits->open) {
        if (plan_.drop_request(id)) waits.push_back(take_request(id));
      }
    }
    ask_to_stop(lock, stopped);
    for (const RequestPtr& request : waits) conclude(lock, request, not_wanted());
  }
}

// --- Waiting

RequestId DetachedRun::next_request() noexcept { return engine->next_request(); }

void DetachedRun::start(RequestId wait, const Address& address, Completion<Blob>::Ptr completion) {
  engine->start_wait(std::static_pointer_cast<DetachedRun>(shared_from_this()), wait, address, std::move(completion));
}

void DetachedRun::cancel(RequestId wait) { engine->cancel(wait); }

/// As `start`, for a function.
void Engine::start_wait(const std::shared_ptr<FunctionRun>& run, RequestId id, const Address& address,
                        Completion<Blob>::Ptr completion) {
  if (!come_inside()) return finish<Blob>(std::move(completion), not_wanted());
  Looked looked;
  if (std::optional<Blob> cached = look_in_cache(address, run->job.owner)) {
    looked.known = std::move(*cached);
  } else {
    looked = look_in_store(address, run->job.owner);
  }
  Lock lock(mutex_);
  if (!run->waits) run->waits = std::make_unique<FunctionRun::Waits>();
  FunctionRun::Waits& waits = *run->waits;
  if (std::find(waits.discovered.begin(), waits.discovered.end(), address) == waits.discovered.end()) {
    waits.discovered.push_back(address);
  }
  if (!looked.known && (stopping_ || run->over || plan_.forgotten(run->job.node))) looked.known = not_wanted();
  if (looked.known) {
    if (!*looked.known) waits.errors.push_back(looked.known->error());
    lock.unlock();
    finish<Blob>(std::move(completion), *std::move(looked.known));
  } else {
    const RequestPtr request = make_request(id, address, {}, std::move(completion));
    request->waiter = run;
    waits.open.push_back(id);
    plan(lock, request, looked);
    set_going(lock);
    if (!run->over) send_elsewhere(lock, run->job);
    lock.unlock();
  }
  go_outside();
}

/// What a function waits for is there, or will not be.
void Engine::end_wait(Lock& lock, Request& request, Result<Blob> result) {
  const std::shared_ptr<FunctionRun> run = std::move(request.waiter);
  std::erase(run->waits->open, request.id);
  if (!result) run->waits->errors.push_back(result.error());
  run->waits->held.push_back({std::move(request.completion), std::move(result)});
  if (run->over || stopping_ || plan_.may_go_on(run->job.node)) go_on(lock, *run);
}

void Engine::go_on(Lock& lock, FunctionRun& run) {
  if (!run.waits) return;
  std::vector<FunctionRun::Held> held = std::exchange(run.waits->held, {});
  lock.unlock();
  for (FunctionRun::Held& one : held) finish<Blob>(std::move(one.completion), std::move(one.result));
  lock.lock();
}

/// Those that waited for their places.
void Engine::resume_functions(Lock& lock) {
  for (const NodeId node : plan_.take_resumed()) {
    const auto found = runs_.find(node);
    if (found == runs_.end()) continue;
    const std::shared_ptr<FunctionRun> run = found->second;
    go_on(lock, *run);
  }
}

bool Engine::check_waits(Lock& lock) {
  if (!plan_.can_check_waits()) return false;
  const auto check = [&](StoreReader& reader) {
    const auto address_of = [&](StoreId id) { return reader.address_or_none(id); };
    plan_.check_waits(address_of);
  };
  const auto unknown = [](StoreId) { return Address(); };
  if (!read_for_plan(check)) plan_.check_waits(unknown);
  deliver(lock);
  return true;
}

/// What a function returns or throws of the errors that it was given is passed on as it is.
Error Engine::attribute_to(const DetachedRun& run, const Error& error) {
  const Lock lock(mutex_);
  if (run.waits) {
    for (const Error& given : run.waits->errors) {
      if (given.code() == error.code() && &given.message() == &error.message()) return error;
    }
  }
  return attribute(error, *run.job.address, run.job.function->id);
}

}  // namespace deriva::detail
