#include <deriva/observe/remaining_time.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <unordered_map>

namespace deriva {
namespace {

using Seconds = double;

Seconds seconds(event::Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

struct RemainingTime::Impl {
  using Index = std::uint32_t;
  struct Function {
    Seconds mean = 0;
    std::uint64_t runs = 0;
    std::uint64_t left = 0;      ///< Planned, and not done.
    Seconds mean_of_levels = 0;  ///< The mean that the levels were made with.
  };
  struct Node {
    Index function = 0;
    bool done = false;
    bool running = false;
    event::Time since{};
    Seconds level = 0;  ///< How long the longest path from its start to the end of everything takes.
  };

  Index function(const std::string& name) {
    const auto [found, is_new] = function_of.emplace(name, static_cast<Index>(functions.size()));
    if (is_new) functions.emplace_back();
    return found->second;
  }
  bool levels_are_old() const;
  void make_levels();
  Seconds longest_path(event::Time now);

  std::size_t concurrency = 1;
  std::unordered_map<std::string, Index> function_of;
  std::vector<Function> functions;
  std::unordered_map<Address, Index> node_of;
  std::vector<Node> nodes;  ///< Inputs before what needs them.
  std::vector<std::vector<Index>> inputs;
  std::vector<Index> running;
  std::vector<Index> by_level;  ///< Nodes, the highest first.
  std::size_t first_open = 0;   ///< In `by_level`: all before it are done.
  bool planned_more = false;
};

RemainingTime::RemainingTime(std::size_t concurrency) : impl_(std::make_unique<Impl>()) {
  impl_->concurrency = std::max<std::size_t>(concurrency, 1);
}
RemainingTime::RemainingTime(RemainingTime&&) noexcept = default;
RemainingTime& RemainingTime::operator=(RemainingTime&&) noexcept = default;
RemainingTime::~RemainingTime() = default;

void RemainingTime::plan(std::span<const PlannedWork> work) {
  for (const PlannedWork& one : work) {
    const auto index = static_cast<Impl::Index>(impl_->nodes.size());
    if (!impl_->node_of.emplace(one.address, index).second) continue;
    Impl::Node& node = impl_->nodes.emplace_back();
    node.function = impl_->function(one.function);
    ++impl_->functions[node.function].left;
    std::vector<Impl::Index>& planned = impl_->inputs.emplace_back();
    for (const Address& input : one.inputs) {
      if (const auto found = impl_->node_of.find(input); found != impl_->node_of.end())
        planned.push_back(found->second);
    }
    impl_->planned_more = true;
  }
}

void RemainingTime::started(const Address& address, event::Time when) {
  const auto found = impl_->node_of.find(address);
  if (found == impl_->node_of.end()) return;
  Impl::Node& node = impl_->nodes[found->second];
  if (node.done || node.running) return;
  node.running = true;
  node.since = when;
  impl_->running.push_back(found->second);
}

void RemainingTime::finished(const Address& address, const std::string& function, Duration took) {
  constexpr double memory = 32;  // Runs that the mean looks back on.
  Impl::Function& of = impl_->functions[impl_->function(function)];
  ++of.runs;
  of.mean += (seconds(took) - of.mean) / std::min(static_cast<double>(of.runs), memory);
  skipped(address);
}

void RemainingTime::skipped(const Address& address) {
  const auto found = impl_->node_of.find(address);
  if (found == impl_->node_of.end() || impl_->nodes[found->second].done) return;
  Impl::Node& node = impl_->nodes[found->second];
  node.done = true;
  node.running = false;
  std::erase(impl_->running, found->second);
  --impl_->functions[node.function].left;
}

void RemainingTime::clear() {
  for (Impl::Function& function : impl_->functions) function.left = 0;
  impl_->node_of.clear();
  impl_->nodes.clear();
  impl_->inputs.clear();
  impl_->running.clear();
  impl_->by_level.clear();
  impl_->first_open = 0;
}

bool RemainingTime::Impl::levels_are_old() const {
  constexpr double tolerance = 0.25;
  return planned_more || std::any_of(functions.begin(), functions.end(), [](const Function& one) {
           return one.left > 0 && std::abs(one.mean - one.mean_of_levels) > tolerance * one.mean_of_levels;
         });
}

void RemainingTime::Impl::make_levels() {
  for (Function& function : functions) function.mean_of_levels = function.mean;
  std::vector<Seconds> above(nodes.size(), 0);  // The longest path that begins after the node.
  for (std::size_t i = nodes.size(); i-- > 0;) {
    nodes[i].level = functions[nodes[i].function].mean + above[i];
    for (const Index input : inputs[i]) above[input] = std::max(above[input], nodes[i].level);
  }
  by_level.resize(nodes.size());
  std::iota(by_level.begin(), by_level.end(), Index{0});
  std::sort(by_level.begin(), by_level.end(), [this](Index a, Index b) { return nodes[a].level > nodes[b].level; });
  first_open = 0;
  planned_more = false;
}

Seconds RemainingTime::Impl::longest_path(event::Time now) {
  while (first_open < by_level.size() && nodes[by_level[first_open]].done) ++first_open;
  Seconds longest = 0;
  for (std::size_t i = first_open; i < by_level.size(); ++i) {
    const Node& node = nodes[by_level[i]];
    if (node.level <= longest) break;
    if (node.done) continue;
    const Seconds so_far = node.running ? std::min(seconds(now - node.since), functions[node.function].mean) : 0;
    longest = std::max(longest, node.level - so_far);
  }
  return longest;
}

std::optional<RemainingTime::Duration> RemainingTime::estimate(event::Time now) {
  Seconds work = 0;
  for (const Impl::Function& function : impl_->functions) {
    if (function.left > 0 && function.runs == 0) return std::nullopt;
    work += static_cast<double>(function.left) * function.mean;
  }
  for (const Impl::Index index : impl_->running) {
    const Impl::Node& node = impl_->nodes[index];
    work -= std::min(seconds(now - node.since), impl_->functions[node.function].mean);
  }
  if (impl_->levels_are_old()) impl_->make_levels();
  const Seconds shared = work / static_cast<double>(impl_->concurrency);
  const Seconds left = std::max({Seconds{0}, shared, impl_->longest_path(now)});
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(left));
}

}  // namespace deriva
