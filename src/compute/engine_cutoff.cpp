// Results that are known although a node has none, or is to be computed again.
#include <algorithm>
#include <cstddef>
#include <utility>

#include "compute/engine.hpp"

namespace deriva::detail {
namespace {

/// Inputs that are not larger are hashed; whether the store knows their digests takes as long to find out.
constexpr std::size_t small_input = 512;
/// What is hashed in a nanosecond, in bytes.
constexpr float hashed_per_ns = 2;
/// Hashing may take this share of the time that the function takes.
constexpr float share_for_hashing = 0.25F;

/// The digests of the values of a job's inputs: as recorded, or of the values themselves. False: it would take too
/// long.
bool collect_digests(Worker& worker, StoreReader& reader, const Worker::LookBack& look_back) {
  const Plan::Job& job = worker.batch.jobs[look_back.job];
  const std::vector<Plan::Missing>& missing = worker.batch.missing;
  worker.digests.clear();
  float hashing = 0;
  for (std::uint32_t i = 0; i < job.input_count; ++i) {
    const std::uint32_t position = job.first_input + i;
    const Blob& value = worker.batch.inputs[position];
    const auto& [id, digest] = worker.known_inputs[look_back.first_input + i];
    if (digest) {
      worker.digests.push_back(*digest);
      continue;
    }
    const auto found = std::ranges::lower_bound(missing, position, {}, &Plan::Missing::position);
    const bool in_hand = found == missing.end() || found->position != position;
    if (id != none && (!in_hand || value.size() > small_input)) {
      const Result<std::optional<Digest>> recorded = reader.digest(id);
      if (recorded && *recorded) {
        worker.digests.push_back(**recorded);
        continue;
      }
    }
    hashing += static_cast<float>(value.size()) / hashed_per_ns;
    if (!in_hand || (look_back.time > 0 && hashing > look_back.time * share_for_hashing)) return false;
    worker.digests.push_back(Digest::of(value));
  }
  return true;
}

void find_cutoff(Worker& worker, StoreReader& reader, const Worker::LookBack& look_back) {
  const Result<std::optional<StoreReader::Cutoff>> found = reader.find_cutoff(look_back.id, worker.digests);
  if (!found || !*found) return;
  Worker::FoundBack known{look_back.job, {(*found)->recipe, (*found)->result.record()}, std::nullopt};
  const Worker::Ran& ran = worker.ran[look_back.job];
  if (!ran.extra || ran.extra->executions == 1) {
    Result<std::optional<StoredBlob>> value = reader.value((*found)->result);
    if (!value || !*value) return;
    known.value = **std::move(value);
  }
  worker.found_back.push_back(std::move(known));
}

}  // namespace

/// To look, before the function is called, for a result that it need not or must not differ from.
void Engine::prepare_look_back(Worker& worker, std::uint32_t number) {
  const Plan::Job& job = worker.batch.jobs[number];
  if (job.input_count == 0 && !job.was_computed()) return;
  const StoreId id = plan_.store_id(job.node);
  if (id == none) return;
  if (worker.look_backs.empty()) worker.known_inputs.clear();
  worker.look_backs.push_back({number, id, worker.known_inputs.size(), job.average});
  worker.plan_inputs.clear();
  plan_.append_inputs(job.node, worker.plan_inputs);
  for (const Plan::Named& input : worker.plan_inputs) {
    Worker::KnownInput& known = worker.known_inputs.emplace_back(Worker::KnownInput{input.id});
    const auto cut_off = digests_.find(input.node);
    if (cut_off != digests_.end()) known.digest = cut_off->second;
  }
}

/// Settles the jobs whose result is another recipe's; the others learn what they are to be compared with.
void Engine::take_back(Worker& worker) {
  for (Worker::FoundBack& found : worker.found_back) {
    Worker::Ran& ran = worker.ran[found.job];
    if (!ran.extra) ran.extra = std::make_unique<Worker::Extra>();
    if (found.value) {
      Result<Blob> value = load(store_, *std::move(found.value));
      if (!value) continue;  // Damaged: it runs.
      ran.result = std::move(value);
      ran.compute_time = found.result.record.compute_time;
      ran.extra->cut_off = true;
    }
    ran.extra->known = std::make_shared<const KnownResult>(found.result);
  }
}

void Engine::find_back(Worker& worker, StoreReader& reader) {
  const Result<bool> any = reader.has_cutoffs();
  for (const Worker::LookBack& look_back : worker.look_backs) {
    if (worker.batch.jobs[look_back.job].was_computed()) {
      const Result<std::optional<StoredResult>> own = reader.result(look_back.id);
      if (!own || !*own) continue;
      worker.found_back.push_back({look_back.job, {reader.address(look_back.id), (*own)->record()}, std::nullopt});
    } else if (any && *any && collect_digests(worker, reader, look_back)) {
      find_cutoff(worker, reader, look_back);
    }
  }
}

// --- Results

/// Publishes a value that nobody computed for this node.
void Engine::settle_cut_off(const RequestPtr& owner, const Plan::Task& job, Worker::Ran& ran) {
  if (owner) {
    ++owner->outcome.cut_off;
    ++owner->progress.cut_off;
  }
  plan_.release(job);
  events_.cut_off(job, ran.extra->known->recipe);
  events_.flight_finished(job, *ran.result, options_.store_results);
  keep_result(job, **ran.result, ran.compute_time, false, {});
  if (options_.store_results) digests_.emplace(job.node, ran.extra->known->record.digest);
  plan_.complete(job.node, **std::move(ran.result));
}

}  // namespace deriva::detail
