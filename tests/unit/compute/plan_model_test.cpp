#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "compute/plan.hpp"
#include "compute/plan_expand.hpp"
#include "support/catch.hpp"
#include "unit/compute/plan_fixture.hpp"

namespace deriva::test {
namespace {

using detail::NodeId;
using detail::Plan;
using detail::RequestId;

/// Drives a plan with a random graph, answers in random order, other ids, failures and drops; checks what must hold at
/// every step.
class PlanModel {
 public:
  explicit PlanModel(std::uint64_t seed) : random_(seed), fails_(pick(4) != 0), renumbers_(pick(2) == 0) {
    f_.tells_at_once = false;
    if (fails_ && pick(2) == 0) {
      f_.plan.limit_memory(200 + pick(4'000));
    } else if (pick(2) == 0) {
      along_ = 400;
      f_.plan.set_function(0, f_.function, {}, true);
      f_.plan.observe(0, 100);
    }
    const std::size_t nodes = 2 + pick(40);
    for (std::size_t i = 0; i < nodes; ++i) {
      names_.push_back("n" + std::to_string(i) + ".");
      if (pick(5) == 0) {
        if (pick(8) != 0 || !fails_) f_.leaf(names_[i]);  // Else nobody knows it.
        continue;
      }
      PlanFixture::Inputs inputs;
      for (std::size_t count = i == 0 ? 0 : pick(5); count > 0; --count) inputs.push_back(names_[pick(i)]);
      f_.recipe(names_[i], inputs);
    }
  }

  void run() {
    for (int step = 0; step < 400; ++step) act();
    while (!expanding_.empty() || !running_.empty() || !pinned_.empty() || f_.plan.has_expansions() ||
           f_.plan.ready_count() > 0 || f_.plan.has_rubbish()) {
      act_on_work(pick(9));
    }
    check();
    REQUIRE(open_.empty());
    REQUIRE(f_.plan.size() == 0);
    REQUIRE(f_.plan.used_memory() == 0);
  }

 private:
  struct Running {
    std::vector<PlanJob> jobs;  // A batch.
    bool stoppable;
  };

  std::size_t pick(std::size_t bound) { return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_); }
  template <class T>
  T take(std::vector<T>& from) {
    std::swap(from[pick(from.size())], from.back());
    T taken = std::move(from.back());
    from.pop_back();
    return taken;
  }

  void act() {
    const std::size_t choice = pick(12);
    if (renumbers_ && pick(20) == 0) renumber();
    if (choice == 0) {
      const RequestId id = ++last_request_;
      open_.emplace(id, names_[pick(names_.size())]);
      f_.request(id, open_.at(id), 0, static_cast<Priority>(pick(priorities)), pick(3) == 0);
    } else if (choice == 1 && !open_.empty()) {
      auto dropped = open_.begin();
      std::advance(dropped, static_cast<std::ptrdiff_t>(pick(open_.size())));
      if (f_.plan.drop_request(dropped->first)) {
        open_.erase(dropped);
      } else {
        REQUIRE(f_.plan.has_failing());  // It knows, and its host not yet.
      }
    } else {
      act_on_work(choice % 9);
    }
    check();
  }

  void act_on_work(std::size_t choice) {
    if (choice == 0) expand();
    if (choice == 1) start();
    if (choice == 2 && !expanding_.empty()) f_.answer(take(expanding_));
    if (choice == 3 && !running_.empty()) report(take(running_));
    if (choice == 4 && !expanding_.empty()) f_.answer(take(expanding_));
    if (choice == 5 && !pinned_.empty()) f_.plan.unpin(take(pinned_));
    if (choice == 6) f_.plan.sweep(1 + pick(3));
    if (choice == 7) f_.plan.fail_further(1 + pick(3));
    if (choice == 8 && !running_.empty()) expire(running_[pick(running_.size())]);
    if (f_.plan.lacks_memory() && !f_.plan.spill() && f_.plan.is_stuck()) f_.plan.admit_anyway();
    check();
  }

  /// What is being looked up under its old id is looked up again.
  void renumber() {
    f_.renumber(random_);
    for (const Plan::Expansion& expansion : std::exchange(expanding_, {})) f_.plan.retry(expansion.node);
  }

  /// Some are answered as they come.
  void expand() {
    f_.plan.expand(1 + pick(6), [&](const Plan::Expansion& expansion) {
      if (pick(2) == 0) {
        f_.answer(expansion);
      } else {
        expanding_.push_back(expansion);
      }
      return pick(6) != 0;
    });
  }

  void start() {
    std::vector<PlanJob> jobs = f_.take_batch(1 + pick(along_ > 0 ? 6 : 1), 1'000, along_);
    if (jobs.empty()) return;
    const bool stoppable = along_ <= 0 && pick(3) == 0;
    for (const PlanJob& job : jobs) {
      if (stoppable) f_.plan.set_stoppable(job.node);
      // The single flight. If ids change, what nobody waits for is not found by who comes later.
      if (!stoppable && !renumbers_) REQUIRE(active_.insert(job.name).second);
    }
    running_.push_back({std::move(jobs), stoppable});
  }

  void expire(const Running& run) {
    const NodeId node = run.jobs.front().node;
    if (!fails_ || !run.stoppable || f_.plan.forgotten(node)) return;
    f_.plan.expire(node, Error(Errc::deadline_exceeded).with_address(f_.address(f_.name(node))));
  }

  void report(const Running& run) {
    enum class Came : std::uint8_t { value, error, nothing };
    std::vector<Came> came;
    for (const PlanJob& job : run.jobs) {
      active_.erase(job.name);
      const bool lacks = std::ranges::any_of(job.needs, [&](std::size_t need) { return came[need] != Came::value; });
      const bool failed = f_.plan.forgotten(job.node) || (fails_ && pick(6) == 0);
      came.push_back(lacks ? Came::nothing : failed ? Came::error : Came::value);
    }
    for (std::size_t i = 0; i < came.size(); ++i) {
      if (came[i] == Came::nothing) f_.plan.put_back(run.jobs[i].node);
    }
    for (std::size_t i = 0; i < came.size(); ++i) {
      if (came[i] != Came::nothing) report(run.jobs[i], came[i] == Came::error);
    }
  }

  void report(const PlanJob& job, bool failed) {
    const NodeId node = job.node;
    f_.plan.release(job);
    if (failed) return f_.plan.fail(node, Error(Errc::function_failed).with_address(f_.address(f_.name(node))));
    const bool pinned = pick(2) == 0;
    if (pinned) {
      f_.plan.pin(node);
      pinned_.push_back(node);
    }
    f_.complete(job);
    if (!pinned || pick(2) == 0) return;
    f_.written[job.name] = expected(job.name);
    f_.plan.set_written(node);
  }

  /// What the value of this name has to be.
  std::string expected(const std::string& name) {
    if (!f_.graph.at(name)) return name;
    std::string& known = values_[name];
    if (known.empty()) {
      std::string text = name + "(";
      for (const std::string& input : *f_.graph.at(name)) text += expected(input);
      known = text + ")";
    }
    return known;
  }

  void check() {
    for (const Plan::Finished& one : f_.take_finished()) {
      const auto request = open_.find(one.request);
      REQUIRE(request != open_.end());  // Known, not dropped, and not finished before.
      if (!fails_) REQUIRE_FALSE(one.failures);
      if (one.value) REQUIRE(as_text(*one.value) == expected(request->second));
      if (!one.failures && !one.value && f_.written.count(request->second) == 0) {
        REQUIRE_FALSE(f_.graph.at(request->second));
      }
      open_.erase(request);
    }
    for (const NodeId node : f_.plan.take_abandoned()) {
      const auto is_it = [&](const Running& run) { return run.jobs.front().node == node && run.stoppable; };
      REQUIRE(std::any_of(running_.begin(), running_.end(), is_it));
    }
  }

  std::mt19937_64 random_;
  bool fails_;      // Functions do, and some inputs are unknown.
  bool renumbers_;  // The store does.
  PlanFixture f_;
  std::vector<std::string> names_;
  std::map<RequestId, std::string> open_;
  std::vector<Plan::Expansion> expanding_;
  std::vector<Running> running_;
  std::vector<NodeId> pinned_;
  std::set<std::string> active_;  // Plain functions that run.
  std::map<std::string, std::string> values_;
  RequestId last_request_ = 0;
  float along_ = 0;
};

TEST_CASE("plan: whatever the order of answers, drops and failures, a request ends once and nothing is left") {
  for (std::uint64_t seed = 0; seed < 4'000; ++seed) {
    INFO("seed " << seed);
    PlanModel(seed).run();
  }
}

}  // namespace
}  // namespace deriva::test
