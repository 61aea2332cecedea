#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <deriva/core/address.hpp>
#include <deriva/core/blob.hpp>
#include <deriva/core/error.hpp>

#include "compute/function_table.hpp"
#include "compute/plan.hpp"
#include "support/catch.hpp"

namespace deriva::test {

/// Stands for the store and the functions of an executor that a plan is driven by, one step at a time. Addresses have
/// names; the value of "c" with the inputs "a" and "b" is "c(ab)", a leaf's is its name.
struct PlanFixture {
  using Inputs = std::vector<std::string>;

  detail::Plan plan{42};
  detail::ResolvedFunction function{{"join", "1"}, {}};
  std::map<std::string, std::optional<Inputs>> graph;  // Nothing: a leaf. Not there: unknown.
  std::map<Address, std::string> names;
  std::map<std::string, double> ran;  // How often, and under which rate of verification last:
  std::map<std::string, double> rates;

  Address address(const std::string& name) {
    const Address address = Address::of_leaf(as_bytes(name));
    names.emplace(address, name);
    return address;
  }
  void leaf(const std::string& name) { graph[name] = std::nullopt; }
  void recipe(const std::string& name, Inputs inputs) { graph[name] = std::move(inputs); }
  void request(detail::RequestId id, const std::string& target, double verify_rate = 0) {
    plan.add_request(id, address(target), verify_rate);
  }

  std::optional<detail::Plan::Expansion> take_expansion() {
    std::vector<detail::Plan::Expansion> taken;
    plan.take_expansions(1, taken);
    if (taken.empty()) return std::nullopt;
    return taken.front();
  }
  /// Says of the address what the graph says.
  void answer(const detail::Plan::Expansion& expansion) {
    const auto found = graph.find(names.at(expansion.address));
    if (found == graph.end()) return plan.fail(expansion.node, Error(Errc::not_found).with_address(expansion.address));
    if (!found->second) return plan.set_stored(expansion.node);
    std::vector<Address> inputs;
    for (const std::string& input : *found->second) inputs.push_back(address(input));
    plan.set_recipe(expansion.node, function, inputs, {}, RunReason::never_computed);
  }
  void expand_all() {
    while (const auto expansion = take_expansion()) answer(*expansion);
  }

  detail::Plan::Job take_ready() {
    std::optional<detail::Plan::Job> job = plan.take_ready();
    REQUIRE(job);
    const std::string& name = names.at(job->address);
    ++ran[name];
    rates[name] = job->verify_rate;
    return std::move(*job);
  }
  Blob value_of(const detail::Plan::Job& job) {
    std::string text = names.at(job.address) + "(";
    for (const detail::Plan::Input& input : job.inputs) {
      text += input.value ? std::string(as_text(input.value->view())) : names.at(input.address);
    }
    return Blob::adopt(text + ")");
  }
  void complete(const detail::Plan::Job& job) { plan.complete(job.node, value_of(job)); }
  /// Runs what is ready, and returns the names in the order of running.
  std::string run_all() {
    std::string order;
    while (plan.has_ready()) {
      const std::optional<detail::Plan::Job> job = plan.take_ready();
      if (!job) break;
      ++ran[names.at(job->address)];
      order += names.at(job->address);
      complete(*job);
    }
    return order;
  }

  /// "1=c(ab) 2=!cancelled 3=leaf stored": what became of requests since the last call.
  std::string finished() {
    std::string text;
    for (const detail::Plan::Finished& one : plan.take_finished()) {
      if (!text.empty()) text += ' ';
      text += std::to_string(one.request) + "=";
      if (one.error) {
        text += "!" + std::string(to_string(one.error->code()));
      } else {
        text += one.value ? std::string(as_text(one.value->view())) : names.at(one.target) + " stored";
      }
    }
    return text;
  }
};

}  // namespace deriva::test
