#include <deriva/compute/audit.hpp>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>

#include <boost/asio/post.hpp>

#include "compute/boundary.hpp"
#include "compute/comparison.hpp"
#include "compute/function_table.hpp"
#include "compute/reexecution.hpp"
#include "compute/sample.hpp"
#include "core/random.hpp"
#include "store/store_impl.hpp"

namespace deriva {

std::string_view to_string(AuditOutcome outcome) noexcept {
  constexpr std::array<std::string_view, audit_outcomes> names{
      "equal", "diverged", "failed", "missing function", "missing input", "not reached"};
  return names[static_cast<std::size_t>(outcome)];
}

namespace detail {
namespace {

using Clock = std::chrono::steady_clock;

/// Comparisons that a thread writes to the ledger in one transaction.
constexpr std::size_t recorded_together = 256;

/// An audit under way. Threads take recipes one by one; the calling thread leaves when none is at work any more. Tasks
/// that begin after that find nothing to take, and touch neither the store nor the registry.
class Audit {
 public:
  Audit(Store& store, const Resolver& resolver, const AuditOptions& options, std::vector<Address> chosen,
        std::uint64_t seed)
      : store_(store),
        functions_(resolver),
        options_(options),
        chosen_(std::move(chosen)),
        deadline_(options.time_budget.count() > 0 ? Clock::now() + options.time_budget : Clock::time_point::max()) {
    report_.chosen = chosen_.size();
    report_.seed = seed;
  }

  void work() {
    std::vector<Comparison> comparisons;
    std::unique_lock lock(mutex_);
    if (next_ == chosen_.size()) return;
    ++working_;
    while (next_ < chosen_.size() && !is_over()) {
      const Address address = chosen_[next_++];
      lock.unlock();
      Result<AuditFinding> finding = check(address, comparisons);
      lock.lock();
      if (!finding) fail(finding.error());
      if (finding && finding->outcome != AuditOutcome::not_reached) count(*std::move(finding));
    }
    next_ = chosen_.size();  // Nobody begins another one.
    lock.unlock();
    const Result<void> recorded = record(comparisons);
    lock.lock();
    if (!recorded) fail(recorded.error());
    --working_;
    idle_.notify_all();
  }

  Result<AuditReport> finish() {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [&] { return working_ == 0; });
    if (error_) return *error_;
    std::uint64_t reached = 0;
    for (const std::uint64_t each : report_.counts) reached += each;
    report_.counts[static_cast<std::size_t>(AuditOutcome::not_reached)] = report_.chosen - reached;
    return std::move(report_);
  }

 private:
  bool is_over() const { return options_.stop.stop_requested() || Clock::now() >= deadline_; }

  /// Executes a recipe, as often as the options say or until it differs.
  Result<AuditFinding> check(const Address& address, std::vector<Comparison>& comparisons) {
    StoredComputation computation;
    const Result<Obstacle> obstacle = read_computation(store_, address, computation);
    AuditFinding finding{address, computation.recipe.function, AuditOutcome::equal, std::nullopt};
    if (!obstacle && obstacle.error().code() == Errc::corrupted) {  // The others can be audited all the same.
      finding.outcome = AuditOutcome::failed;
      finding.error = obstacle.error().with_address(address);
      return finding;
    }
    if (!obstacle) return obstacle.error();
    if (*obstacle != Obstacle::none) {
      finding.outcome = AuditOutcome::missing_input;
      return finding;
    }
    const ResolvedFunction* function = functions_.find(computation.recipe.function);
    if (function == nullptr) {
      finding.outcome = AuditOutcome::missing_function;
      return finding;
    }
    for (std::size_t i = 0; i < options_.executions && finding.outcome == AuditOutcome::equal; ++i) {
      if (i > 0 && is_over()) {
        finding.outcome = AuditOutcome::not_reached;
        break;
      }
      if (Result<void> executed = execute_once(computation, function->function, finding, comparisons); !executed) {
        return executed.error();
      }
      if (comparisons.size() < recorded_together) continue;
      if (Result<void> recorded = record(comparisons); !recorded) return recorded.error();
    }
    return finding;
  }

  Result<void> execute_once(const StoredComputation& computation, const Function& function, AuditFinding& finding,
                            std::vector<Comparison>& comparisons) {
    Result<Blob> value = Blob();
    const Result<Obstacle> obstacle = execute(store_, function, computation, value);
    if (!obstacle) return obstacle.error();
    if (*obstacle != Obstacle::none) {
      finding.outcome = AuditOutcome::missing_input;
      return {};
    }
    if (!value) {
      finding.outcome = AuditOutcome::failed;
      finding.error = attribute(value.error(), finding.address, finding.function);
      if (value.error().error_class() == ErrorClass::transient) return {};  // It says nothing about the function.
    }
    Result<Comparison> comparison =
        compare_with_stored(store_, finding.address, computation.result, value, report_.seed);
    if (!comparison) return comparison.error();
    if (ObserverHub* const hub = StoreAccess::observers(store_)) tell_verified(*hub, *comparison, finding.function);
    if (value && !comparison->agrees()) {
      finding.outcome = AuditOutcome::diverged;
      finding.error = violation(*comparison, finding.function);
    }
    comparisons.push_back(*std::move(comparison));
    return {};
  }

  Result<void> record(std::vector<Comparison>& comparisons) {
    if (comparisons.empty()) return {};
    return store_.put_results({}, std::exchange(comparisons, {}));
  }

  /// Under the lock; so is `count`.
  void fail(const Error& error) {
    if (!error_) error_ = error;
    next_ = chosen_.size();
  }

  void count(AuditFinding finding) {
    ++report_.counts[static_cast<std::size_t>(finding.outcome)];
    const bool executed =
        finding.outcome != AuditOutcome::missing_function && finding.outcome != AuditOutcome::missing_input;
    if (executed) ++report_.checked;
    if (finding.outcome != AuditOutcome::equal && report_.findings.size() < options_.listed_findings) {
      report_.findings.push_back(std::move(finding));
    }
    if (!options_.progress) return;
    try {
      options_.progress(report_);
    } catch (...) {  // NOLINT(bugprone-empty-catch): documented at the options.
    }
  }

  Store& store_;
  FunctionTable functions_;
  const AuditOptions options_;
  const std::vector<Address> chosen_;
  const Clock::time_point deadline_;

  std::mutex mutex_;
  std::condition_variable idle_;
  std::size_t next_ = 0;
  std::size_t working_ = 0;
  AuditReport report_;
  std::optional<Error> error_;
};

/// The stored results that the options choose.
Result<std::vector<Address>> choose(const Store& store, const AuditOptions& options, std::uint64_t seed) {
  Sample sample(options.fraction, options.count, seed);
  Result<void> outcome;
  auto offer = [&](const Address& address) {
    const Result<std::optional<ResultRecord>> result = store.result(address);
    if (!result) outcome = result.error();
    if (result && *result) sample.offer(address);
    return result.has_value();
  };
  const PersistentDag<>& graph = store.dag();
  const Result<void> walked = options.root ? graph.for_each_in_order(*options.root, offer) : graph.for_each(offer);
  if (!walked) return walked.error();
  if (!outcome) return outcome.error();
  return std::move(sample).take();
}

Result<void> check_options(const AuditOptions& options) {
  if (!(options.fraction >= 0.0 && options.fraction <= 1.0)) {
    return Error(Errc::invalid_argument, "the fraction to audit is not between 0 and 1");
  }
  if (options.executions == 0) return Error(Errc::invalid_argument, "an audit of no executions shows nothing");
  if (options.concurrency == 0) return Error(Errc::invalid_argument, "an audit needs a thread");
  return {};
}

}  // namespace

Result<AuditReport> audit(const boost::asio::any_io_executor& io, Store& store, const Resolver& resolver,
                          const AuditOptions& options) {
  if (Result<void> checked = check_options(options); !checked) return checked.error();
  const std::uint64_t seed = options.seed ? *options.seed : random_seed();
  Result<std::vector<Address>> chosen = choose(store, options, seed);
  if (!chosen) return chosen.error();
  const std::size_t helpers = std::min(options.concurrency, std::max<std::size_t>(chosen->size(), 1)) - 1;
  const auto running = std::make_shared<Audit>(store, resolver, options, *std::move(chosen), seed);
  for (std::size_t i = 0; i < helpers; ++i) boost::asio::post(io, [running] { running->work(); });
  running->work();
  return running->finish();
}

}  // namespace detail
}  // namespace deriva
