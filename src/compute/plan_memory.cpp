// A plan with a limit of memory: what values take, of nodes and of jobs.
#include <algorithm>
#include <utility>

#include "compute/plan_inline.hpp"

namespace deriva::detail {
namespace {

/// Values of a function are expected to be as large as the largest one, which counts less with every one that follows.
constexpr float fading = 15.0F / 16;

}  // namespace

bool Plan::is_large() const noexcept {
  constexpr std::uint64_t node_bytes = sizeof(Node) + 4 * sizeof(Edge);
  return memory_.is_limited() && size() * node_bytes > memory_.limit / 4;
}

std::uint64_t Plan::expected_bytes(std::uint32_t function) const {
  return static_cast<std::uint64_t>(functions_[function].value_bytes);
}

void Plan::expect(std::uint32_t function, std::uint64_t bytes) {
  float& expected = functions_[function].value_bytes;
  expected = std::max(expected * fading, static_cast<float>(bytes));
}

void Plan::set_written(NodeId node) {
  Node& n = nodes_[node];
  if (!memory_.is_limited() || !n.has_value) return;
  n.is_written = true;
  std::vector<NodeId>& written = memory_.written;
  written.push_back(node);
  if (memory_.is_short()) {
    spill();
  } else if (constexpr std::size_t few = 1'024; written.size() > few + 2 * nodes_.in_use()) {
    std::erase_if(written, [&](NodeId one) { return !nodes_[one].is_written; });
  }
}

bool Plan::spill() {
  bool any = false;
  for (const NodeId node : std::exchange(memory_.written, {})) {
    Node& n = nodes_[node];
    if (!n.is_written || !n.has_value) continue;
    const auto bytes = static_cast<float>(n.value.size());
    uncount_value(n);
    n.drop_value();
    n.work.cost = bytes;
    any = true;
  }
  return any;
}

void Plan::admit_anyway() noexcept {
  memory_.is_forced = true;
  memory_.is_full = false;
}

/// Whether a ready node may run: there is memory for what it brings in. If nothing else will make some, it runs unless
/// its own inputs are too much; what its value takes is not guessed: it is checked when it is there.
Plan::Admission Plan::admit_memory(NodeId node) {
  const Node& n = nodes_[node];
  const auto expected = MemoryBudget::bytes_of(expected_bytes(n.work.function));
  std::uint64_t held = 0;
  std::uint64_t missing = 0;
  for (std::uint32_t i = 0; i < n.work.edge_count; ++i) {
    const Node& below = nodes_[edges_[n.work.first_edge + i].input];
    (below.has_value ? held : missing) +=
        MemoryBudget::bytes_of(below.has_value ? below.value.size() : stored_bytes(below));
  }
  if (memory_.used + missing + expected <= memory_.limit) return Admission::admitted;
  if (!std::exchange(memory_.is_forced, false)) {
    memory_.is_full = true;
    return Admission::deferred;
  }
  return held + missing <= memory_.limit ? Admission::admitted : Admission::refused;
}

/// Counts what the job brings in, and what it took from its inputs. Requires: it is the last one of the batch.
void Plan::reserve(Job& job, const Batch& batch, std::uint64_t moved) {
  ++memory_.running;
  std::uint64_t missing = 0;
  for (std::size_t i = batch.missing.size(); i > 0 && batch.missing[i - 1].job + 1 == batch.jobs.size(); --i) {
    missing += MemoryBudget::bytes_of(stored_bytes(nodes_[batch.missing[i - 1].node]));
  }
  job.input_bytes = missing;
  for (std::size_t i = job.first_input; i < batch.inputs.size(); ++i) job.input_bytes += batch.inputs[i].size();
  const auto expected = MemoryBudget::bytes_of(expected_bytes(nodes_[job.node].work.function));
  job.reserved = missing + expected + moved;
  memory_.used += missing + expected;  // What was moved is counted.
}

void Plan::release(const Task& job) {
  if (!memory_.is_limited()) return;
  --memory_.running;
  memory_.used -= job.reserved;
  memory_.is_full = false;
}

}  // namespace deriva::detail
