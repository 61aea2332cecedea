// What the nodes of a plan are called in the store: a plan has no room for addresses.
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "compute/engine.hpp"

namespace deriva::detail {

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

/// Makes the jobs of the batch know their addresses.
void Engine::find_addresses(Worker& worker) {
  Plan::Batch& batch = worker.batch;
  if (!batch.addresses.empty()) return;
  batch.addresses.resize(batch.jobs.size());
  const auto find = [&](StoreReader& reader) {
    renumber(batch);
    for (std::size_t i = 0; i < batch.jobs.size(); ++i) {
      const StoreId id = plan_.store_id(batch.jobs[i].node);
      if (id != none) {
        batch.addresses[i] = reader.address_or_none(id);
      } else if (!batch.lacks_address) {
        batch.lacks_address = recipe_removed();
      }
    }
  };
  if (const Result<void> found = read_for_plan(find); !found) batch.lacks_address = found.error();
  for (std::size_t i = 0; i < batch.jobs.size(); ++i) batch.jobs[i].address = &batch.addresses[i];
}

/// The batch is of the plan's numbering from now on.
void Engine::renumber(Plan::Batch& batch) const {
  if (batch.numbering == plan_.numbering()) return;
  batch.numbering = plan_.numbering();
  for (Plan::Missing& missing : batch.missing) missing.id = plan_.store_id(missing.node);
}

/// Without the lock. Makes the batch of the snapshot's numbering, if the graph was compacted in between. False: it was
/// compacted once more.
bool Engine::agree(Plan::Batch& batch, StoreReader& reader) {
  if (reader.numbering() == batch.numbering) return true;
  const Lock lock(mutex_);
  follow_numbering(reader);
  renumber(batch);
  return reader.numbering() == batch.numbering;
}

/// Without the lock.
void Engine::look_addresses_up(Worker& worker) {
  if (!worker.batch.addresses.empty()) return;
  const Lock lock(mutex_);
  find_addresses(worker);
}

/// Ends the jobs that have no address any more before they begin.
void Engine::fail_without_address(Worker& worker) {
  for (std::size_t i = 0; i < worker.ran.size(); ++i) {
    if (worker.batch.addresses[i] == Address()) worker.ran[i].result.emplace(*worker.batch.lacks_address);
  }
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
