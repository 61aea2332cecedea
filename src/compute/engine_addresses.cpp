// What the nodes of a plan are called in the store: a plan has no room for addresses.
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "compute/engine.hpp"

namespace deriva::detail {
namespace {

/// Zeros, which say of each job that it has none.
void add_addresses(Plan::Batch& batch) {
  batch.addresses.resize(batch.jobs.size());
  for (std::size_t i = 0; i < batch.jobs.size(); ++i) batch.jobs[i].address = &batch.addresses[i];
}

/// Requires: the batch has the ids of its jobs, and is of the snapshot's numbering.
void set_addresses(Plan::Batch& batch, StoreReader& reader) {
  add_addresses(batch);
  for (std::size_t i = 0; i < batch.jobs.size(); ++i) {
    if (batch.ids[i] != none) {
      batch.addresses[i] = reader.address_or_none(batch.ids[i]);
    } else if (!batch.lacks_address) {
      batch.lacks_address = recipe_removed();
    }
  }
}

void lack_addresses(Plan::Batch& batch, const Error& why) {
  add_addresses(batch);
  batch.lacks_address = why;
}

/// Ends the jobs that have no address any more before they begin.
void fail_without_address(Worker& worker) {
  for (std::size_t i = 0; i < worker.ran.size(); ++i) {
    if (worker.batch.addresses[i] == Address()) worker.ran[i].result.emplace(*worker.batch.lacks_address);
  }
}

}  // namespace

/// If the snapshot is of a newer numbering than the plan, the plan follows it.
void Engine::follow_numbering(StoreReader& reader) {
  if (plan_.numbering() >= reader.numbering()) return;
  std::vector<Plan::Named> named;
  const auto name = [&](NodeId node, const Address& address) {
    try {
      const std::optional<StoreId> id = reader.find(address);
      if (id) named.push_back({node, *id});
    } catch (...) {  // NOLINT(bugprone-empty-catch): Damage: nothing can be said of the node.
    }
  };
  for (const auto& [id, request] : requests_) name(plan_.target_of(id), request->target);
  for (const auto& [node, run] : runs_) name(node, *run->job.address);
  for (const Unwritten* unwritten : {&unwritten_, &being_written_}) {
    for (std::size_t i = 0; i < unwritten->nodes.size(); ++i) name(unwritten->nodes[i], unwritten->results[i].address);
  }
  const auto inputs_of = [&](StoreId id) -> std::span<const StoreId> {
    try {
      return reader.look_up(id).inputs;
    } catch (...) {
      return {};
    }
  };
  plan_.renumber(reader.numbering(), named, inputs_of);
}

/// Calls `use` on a snapshot of the plan's numbering, which follows a newer one. Under the lock.
Result<void> Engine::read_for_plan(FunctionRef<void(StoreReader&)> use) {
  return read(store_, [&](StoreReader& reader) -> Result<void> {
    follow_numbering(reader);
    // Inside a snapshot of the host's.
    if (reader.numbering() != plan_.numbering()) return Error(Errc::locked, "the graph was compacted meanwhile");
    use(reader);
    return {};
  });
}

/// The jobs of the batch are to know their addresses.
void Engine::note_ids(Plan::Batch& batch) const {
  batch.ids.resize(batch.jobs.size());
  for (std::size_t i = 0; i < batch.jobs.size(); ++i) batch.ids[i] = plan_.store_id(batch.jobs[i].node);
}

/// Makes the jobs of the batch know their addresses, under the lock.
void Engine::find_addresses(Worker& worker) {
  Plan::Batch& batch = worker.batch;
  if (!batch.addresses.empty()) return;
  const auto find = [&](StoreReader& reader) {
    renumber(worker);
    if (batch.ids.empty()) note_ids(batch);
    set_addresses(batch, reader);
  };
  if (const Result<void> found = read_for_plan(find); !found) lack_addresses(batch, found.error());
}

/// The batch is of the plan's numbering from now on. What was to be looked up otherwise is not: the jobs run,
/// unexplained.
void Engine::renumber(Worker& worker) const {
  Plan::Batch& batch = worker.batch;
  if (batch.numbering == plan_.numbering()) return;
  batch.numbering = plan_.numbering();
  for (Plan::Missing& missing : batch.missing) missing.id = plan_.store_id(missing.node);
  if (!batch.ids.empty()) note_ids(batch);
  worker.look_backs.clear();
  worker.unexplained.clear();
}

/// Without the lock. Makes the batch of the snapshot's numbering, if the graph was compacted in between. False: it was
/// compacted once more.
bool Engine::agree(Worker& worker, StoreReader& reader) {
  if (reader.numbering() == worker.batch.numbering) return true;
  const Lock lock(mutex_);
  follow_numbering(reader);
  renumber(worker);
  return reader.numbering() == worker.batch.numbering;
}

/// Without the lock. Calls `use` on a snapshot of the batch's numbering, which follows a newer one.
Result<void> Engine::read_for_batch(Worker& worker, FunctionRef<void(StoreReader&)> use) {
  const auto read_once = [&] {
    return read(store_, [&](StoreReader& reader) -> Result<void> {
      if (!agree(worker, reader)) return Error(Errc::locked, "the graph was compacted again and again");
      use(reader);
      return {};
    });
  };
  constexpr int most_attempts = 8;
  Result<void> done = read_once();
  for (int i = 1; i < most_attempts && !done && done.error().code() == Errc::locked; ++i) done = read_once();
  return done;
}

/// Without the lock.
void Engine::look_addresses_up(Worker& worker) {
  if (!worker.batch.addresses.empty()) return;
  const Lock lock(mutex_);
  find_addresses(worker);
}

/// Without the lock, on one snapshot: what the jobs are called, what is known of them, and what has changed.
void Engine::consult_store(Worker& worker) {
  Plan::Batch& batch = worker.batch;
  const auto consult = [&](StoreReader& reader) {
    if (batch.addresses.empty()) set_addresses(batch, reader);
    if (!worker.look_backs.empty()) find_back(worker, reader);
    if (!worker.unexplained.empty()) explain(worker, reader);
  };
  worker.found_back.clear();
  const bool to_be_named = batch.addresses.empty() && !batch.ids.empty();
  if (to_be_named || !worker.look_backs.empty() || !worker.unexplained.empty()) {
    const Result<void> done = read_for_batch(worker, consult);
    if (batch.addresses.empty()) lack_addresses(batch, done.error());
    if (done) take_back(worker);
  }
  if (batch.lacks_address) fail_without_address(worker);
}

/// Ends what there is no memory for.
void Engine::refuse(std::span<const NodeId> nodes) {
  for (const NodeId node : nodes) {
    Error error(Errc::over_budget, "what the function needs does not fit into the memory that is allowed");
    const auto attribute = [&](StoreReader& reader) {
      if (const StoreId id = plan_.store_id(node); id != none) error = error.with_address(reader.address_or_none(id));
    };
    static_cast<void>(read_for_plan(attribute));
    plan_.fail(node, error);
  }
}

/// Tells observers of the requests that met what others had brought in.
void Engine::tell_joined() {
  const auto tell = [&](StoreReader& reader) {
    for (const auto& [request, node] : joined_) {
      const StoreId id = plan_.store_id(node);
      if (id != none) events_.flight_joined(request, node, reader.address_or_none(id));
    }
  };
  static_cast<void>(read_for_plan(tell));
}

}  // namespace deriva::detail
