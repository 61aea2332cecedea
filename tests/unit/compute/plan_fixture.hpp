#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <deriva/core/address.hpp>
#include <deriva/core/blob.hpp>
#include <deriva/core/error.hpp>

#include "compute/function_table.hpp"
#include "compute/plan_expand.hpp"
#include "support/catch.hpp"

namespace deriva::test {

/// A job with its inputs.
struct PlanJob : detail::Plan::Job {
  struct Input {
    detail::NodeId node = 0;
    std::optional<Blob> value{};  ///< Nothing: it is in the store.
    bool shared = false;
  };
  std::string name;
  std::vector<std::string> input_names;
  std::vector<Input> inputs;
  std::vector<std::size_t> needs{};  ///< Jobs of the same batch.
};

/// Stands for the store and the functions of an executor that a plan is driven by, one step at a time. Addresses have
/// names; the value of "c" with the inputs "a" and "b" is "c(ab)", a leaf's is its name.
struct PlanFixture {
  using Inputs = std::vector<std::string>;

  PlanFixture() { plan.set_function(0, function); }

  detail::ResolvedFunction function{{"join", "1"}, {}};
  detail::Plan plan;
  std::map<std::string, std::optional<Inputs>> graph;  // Nothing: a leaf. Not there: unknown.
  std::map<std::string, float> costs;
  std::map<std::string, std::uint32_t> functions;  // By name of the recipe; else 0.
  std::map<std::string, detail::StoreId> ids;
  std::vector<std::string> names;                 // By id.
  std::map<detail::NodeId, std::string> by_node;  // Of what was taken.
  std::map<detail::RequestId, std::string> targets;
  std::map<std::string, double> ran;  // How often, and under which rate of verification last:
  std::map<std::string, double> rates;
  std::map<std::string, std::string> written;  // Values that are in the store, by name; else the name.
  detail::Plan::Batch batch;
  bool tells_at_once = true;  // Failures, before anybody looks; else when the test says so.

  static Address address(const std::string& name) { return Address::of_leaf(as_bytes(name)); }
  detail::StoreId id(const std::string& name) {
    const auto [entry, is_new] = ids.try_emplace(name, static_cast<detail::StoreId>(names.size()));
    if (is_new) names.push_back(name);
    return entry->second;
  }
  /// Requires: it was taken.
  std::string name(detail::NodeId node) const { return by_node.at(node); }

  void leaf(const std::string& name) { graph[name] = std::nullopt; }
  void recipe(const std::string& name, Inputs inputs, float cost = 0) {
    graph[name] = std::move(inputs);
    costs[name] = cost;
  }
  void request(detail::RequestId request, const std::string& target, double verify_rate = 0,
               Priority priority = Priority::normal, bool keep_going = false) {
    targets[request] = target;
    plan.add_request({request, id(target), verify_rate, priority, keep_going});
  }

  /// Gives everything another id. The plan is told those of the targets.
  template <class Random>
  void renumber(Random& random) {
    names.emplace_back();  // No id is what it was.
    std::shuffle(names.begin(), names.end(), random);
    ids.clear();
    for (detail::StoreId id = 0; id < names.size(); ++id) ids[names[id]] = id;
    std::vector<detail::Plan::Named> named;
    for (const auto& [request, target] : targets) named.push_back({plan.target_of(request), ids.at(target)});
    std::vector<detail::StoreId> found;
    const auto inputs_of = [&](detail::StoreId of) -> std::span<const detail::StoreId> {
      const auto recipe = graph.find(names.at(of));
      found.clear();
      if (recipe == graph.end() || !recipe->second) return {};
      for (const std::string& input : *recipe->second) found.push_back(id(input));
      return found;
    };
    plan.renumber(plan.numbering() + 1, named, inputs_of);
  }

  std::optional<detail::Plan::Expansion> take_expansion() {
    std::vector<detail::Plan::Expansion> taken;
    plan.take_expansions(1, taken);
    if (taken.empty()) return std::nullopt;
    return taken.front();
  }
  /// Says of the node what the graph says.
  void answer(const detail::Plan::Expansion& expansion) {
    if (expansion.id == detail::none) return plan.fail(expansion.node, Error(Errc::not_found));
    const std::string name = names.at(expansion.id);
    by_node[expansion.node] = name;
    const auto found = graph.find(name);
    if (found == graph.end()) return fail(expansion.node, Errc::not_found);
    if (!found->second) return plan.set_stored(expansion.node);
    std::vector<detail::StoreId> inputs;
    for (const std::string& input : *found->second) inputs.push_back(id(input));
    plan.set_recipe(expansion, {functions[name], inputs, {}, RunReason::never_computed, costs[name]});
  }
  void expand_all() {
    while (const auto expansion = take_expansion()) answer(*expansion);
  }

  /// `along`: as of the plan.
  std::vector<PlanJob> take_batch(std::size_t most, float nanoseconds, float along = 0) {
    batch.clear();
    plan.take_ready(most, nanoseconds, batch, along);
    for (const detail::NodeId node : batch.refused) fail(node, Errc::over_budget);
    std::vector<PlanJob> jobs;
    for (const detail::Plan::Job& one : batch.jobs) {
      const detail::StoreId known = plan.store_id(one.node);
      if (known != detail::none) REQUIRE(by_node.at(one.node) == names.at(known));
      PlanJob& job = jobs.emplace_back(PlanJob{one, name(one.node), {}, {}});
      job.input_names = graph.at(job.name).value();
      for (std::size_t i = 0; i < one.input_count; ++i) {
        job.inputs.push_back({0, batch.inputs.at(one.first_input + i), false});
      }
      for (const detail::Plan::Missing& missing : batch.missing) {
        if (missing.job + 1 != jobs.size()) continue;
        if (known != detail::none) REQUIRE(names.at(missing.id) == job.input_names[missing.position - one.first_input]);
        job.inputs.at(missing.position - one.first_input) = {missing.node, std::nullopt, missing.shared};
      }
      for (const detail::PlanJob::Wire& wire : batch.wires) {
        if (wire.job + 1 != jobs.size()) continue;
        REQUIRE(wire.from < wire.job);
        job.inputs.at(wire.position - one.first_input).value = value_of(jobs.at(wire.from));
        job.needs.push_back(wire.from);
      }
      ++ran[job.name];
      rates[job.name] = static_cast<double>(job.verify_rate);
    }
    return jobs;
  }
  std::optional<PlanJob> try_take_ready() {
    std::vector<PlanJob> jobs = take_batch(1, 1);
    REQUIRE(jobs.size() <= 1);
    if (jobs.empty()) return std::nullopt;
    return std::move(jobs.front());
  }
  PlanJob take_ready() {
    std::optional<PlanJob> job = try_take_ready();
    REQUIRE(job);
    return *std::move(job);
  }
  Blob value_of(const PlanJob& job) const {
    std::string text = job.name + "(";
    for (std::size_t i = 0; i < job.inputs.size(); ++i) {
      const std::string& name = job.input_names[i];
      const auto in_store = written.find(name);
      text += job.inputs[i].value         ? std::string(as_text(job.inputs[i].value->view()))
              : in_store == written.end() ? name
                                          : in_store->second;
    }
    return Blob::adopt(text + ")");
  }
  void complete(const PlanJob& job) { plan.complete(job.node, value_of(job)); }
  /// Runs what is ready, and returns the names in the order of running.
  std::string run_all() {
    std::string order;
    while (const std::optional<PlanJob> job = try_take_ready()) {
      order += job->name;
      complete(*job);
    }
    return order;
  }

  bool drop(detail::RequestId request) {
    const bool dropped = plan.drop_request(request);
    plan.sweep(~std::size_t{0});
    return dropped;
  }
  void fail(detail::NodeId node, Errc code = Errc::function_failed) {
    plan.fail(node, Error(code).with_address(address(name(node))));
    if (!tells_at_once) return;
    plan.fail_further(~std::size_t{0});
    plan.sweep(~std::size_t{0});
  }

  /// "1=c(ab) 2=!cancelled 3=leaf stored": what became of requests since the last call.
  std::string finished() {
    std::string text;
    for (const detail::Plan::Finished& one : take_finished()) {
      if (!text.empty()) text += ' ';
      text += std::to_string(one.request) + "=";
      if (one.failures) {
        for (const Error& error : one.failures->errors) text += "!" + std::string(to_string(error.code()));
      } else {
        text += one.value ? std::string(as_text(one.value->view())) : targets.at(one.request) + " stored";
      }
    }
    return text;
  }
  std::vector<detail::Plan::Finished> take_finished() {
    std::vector<detail::Plan::Finished> finished;
    if (tells_at_once) plan.fail_further(~std::size_t{0});
    plan.take_finished(finished);
    return finished;
  }
  std::vector<detail::RequestId> take_joined() {
    std::vector<detail::Plan::Joined> joined;
    std::vector<detail::RequestId> reused;
    plan.take_met(joined, reused);
    std::vector<detail::RequestId> requests;
    for (const detail::Plan::Joined& one : joined) requests.push_back(one.request);
    return requests;
  }
};

}  // namespace deriva::test
