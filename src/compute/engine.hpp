#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

#include <deriva/compute/detail/executor_base.hpp>
#include <deriva/compute/executor_options.hpp>
#include <deriva/compute/materialize_options.hpp>
#include <deriva/store/store.hpp>

#include "compute/function_table.hpp"
#include "compute/plan.hpp"
#include "compute/result_cache.hpp"
#include "compute/scheduler.hpp"

namespace deriva::detail {

/// What executors of every kind share: drives a `Plan` with what the store knows and what functions return.
///
/// One mutex guards the plan and the queues around it; it is never held while a function, a callback or the store runs.
/// Work is done in steps, by whoever has a slot: drains that the scheduler runs, and threads that block in
/// `materialize`. docs/concurrency.md has the whole picture.
class Engine : public std::enable_shared_from_this<Engine> {
 public:
  Engine(std::unique_ptr<Scheduler> scheduler, Store& store, Resolver resolver, const ExecutorOptions& options);

  Result<Blob> materialize(const Address& address, MaterializeOptions options);
  void start(RequestId id, const Address& address, MaterializeOptions options, std::unique_ptr<Completion> completion);
  void cancel(RequestId id);
  RequestId next_request() noexcept { return next_request_.fetch_add(1, std::memory_order_relaxed); }

  /// Ends every request with `Errc::cancelled`, waits for the threads that are inside, and writes what is unwritten.
  /// Afterwards the engine touches neither the store nor the registry. To be called once, last.
  void shutdown();

 private:
  using Lock = std::unique_lock<std::mutex>;
  using Clock = std::chrono::steady_clock;

  struct Request {
    RequestId id = 0;
    Address target;
    MaterializeOptions options;
    std::unique_ptr<Completion> completion;
    Progress progress;
    Outcome outcome;
    Clock::time_point reported{};
    bool reporting = false;
    std::size_t callbacks = 0;         ///< Calls of the host's that are under way.
    bool over = false;                 ///< No callback begins any more;
    std::optional<Result<Blob>> held;  ///< what became of it, while callbacks are still under way.
  };
  using RequestPtr = std::shared_ptr<Request>;

  /// A request whose value is there, and which waits until batch `batch` is written.
  struct Ending {
    RequestPtr request;
    std::optional<Blob> value;
    std::uint64_t batch;
  };
  struct Delivery {
    RequestPtr request;
    std::optional<Result<Blob>> result;  ///< Nothing: the value is in the store.
  };
  struct Unwritten {
    ComputedResult result;
    NodeId node;
  };
  /// A job on its way through its function.
  struct Run {
    Plan::Job job{};
    RequestPtr owner;
    bool verify = false;
    Clock::time_point started{};
    // Of a coroutine function:
    std::vector<Blob> inputs;
    std::stop_source stop{std::nostopstate};
    std::optional<Result<Blob>> first;  ///< Of the two runs of a verification.
  };
  class Blocked;

  // engine.cpp: requests and slots
  std::optional<Result<Blob>> look(const Address& address);
  void wake();
  void drain();
  void enter() { ++active_; }
  void leave();
  std::size_t backlog() const;
  void deliver(Lock& lock, std::vector<Delivery> deliveries);
  std::vector<Delivery> collect_finished();
  void stop_abandoned(Lock& lock);
  void conclude(Lock& lock, const RequestPtr& request, Result<Blob> result);
  static void complete(Request& request, const Result<Blob>& result);
  template <class Callback>
  void call_host(Lock& lock, const RequestPtr& request, const Callback& callback);
  RequestPtr request_of(RequestId id) const;

  // engine_steps.cpp: one piece of work each; false if there was none. They leave the lock while they work.
  bool step(Lock& lock);
  bool expand(Lock& lock);
  bool run_next(Lock& lock);
  bool write_results(Lock& lock);
  void answer(const Plan::Expansion& expansion, Result<Lookup::Answer>& found, const ResolvedFunction* function);
  Result<std::vector<Blob>> gather(Plan::Job& job, std::vector<std::pair<NodeId, Blob>>& loaded);

  // engine_run.cpp: a function, from its call to its result in the store
  bool chosen_for_verification(const Plan::Job& job) const;
  static Result<Blob> run_plain(const Run& run, std::span<const Blob> inputs);
  void start_coroutine(const std::shared_ptr<Run>& run);
  void finish_coroutine(const std::shared_ptr<Run>& run, Result<Blob> result);
  void announce(Lock& lock, const Run& run, const Result<Blob>& result, std::chrono::nanoseconds compute_time);
  void settle(Lock& lock, const Run& run, Result<Blob> result, std::chrono::nanoseconds compute_time);
  void report_progress(Lock& lock, const RequestPtr& request);
  Result<void> put_results(std::span<const ComputedResult> results);

  const std::unique_ptr<Scheduler> scheduler_;
  Store& store_;
  FunctionTable functions_;
  const ExecutorOptions options_;
  const std::uint64_t verify_seed_;
  ResultCache cache_;
  std::atomic<RequestId> next_request_{1};

  mutable std::mutex mutex_;
  std::condition_variable changed_;  ///< For threads that block in `materialize` or `shutdown`.
  Plan plan_;
  std::map<RequestId, RequestPtr> requests_;
  std::vector<Ending> endings_;
  std::vector<Unwritten> unwritten_;
  std::size_t unwritten_bytes_ = 0;
  std::uint64_t batch_ = 1;    ///< Number of the batch that `unwritten_` will be.
  std::uint64_t written_ = 0;  ///< Number of the last batch that was written.
  bool writing_ = false;
  std::map<NodeId, std::stop_source> coroutines_;
  std::deque<Run> parked_;   ///< Coroutine functions that wait for a place.
  std::size_t active_ = 0;   ///< Slots taken: threads that may run plain functions.
  std::size_t busy_ = 0;     ///< Of these: outside the lock, working.
  std::size_t inside_ = 0;   ///< Other threads inside: coroutine functions that are being finished.
  std::size_t posted_ = 0;   ///< Drains that were posted and have not begun.
  std::size_t blocked_ = 0;  ///< Threads that wait for `changed_`.
  bool stopping_ = false;
};

}  // namespace deriva::detail
