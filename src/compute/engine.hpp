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
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include <deriva/compute/detail/executor_base.hpp>
#include <deriva/compute/executor_options.hpp>
#include <deriva/compute/materialize_options.hpp>
#include <deriva/store/store.hpp>

#include "compute/endable_wait.hpp"
#include "compute/engine_events.hpp"
#include "compute/error_memo.hpp"
#include "compute/fair_mutex.hpp"
#include "compute/function_table.hpp"
#include "compute/lone_work.hpp"
#include "compute/pace.hpp"
#include "compute/plan.hpp"
#include "compute/request.hpp"
#include "compute/result_cache.hpp"
#include "compute/scheduler.hpp"
#include "compute/unwritten.hpp"
#include "compute/worker.hpp"
#include "store/flight_table.hpp"
#include "store/store_reader.hpp"

namespace deriva::detail {

/// What executors of every kind share: drives a `Plan` with what the store knows and what functions return.
///
/// One mutex guards the plan and the queues around it; it is never held while a function or a callback runs, or values
/// are read or written. Work is done in steps, by whoever has a slot: drains that the scheduler runs, and threads that
/// block in `materialize`. docs/concurrency.md has the whole picture.
class Engine final : public std::enable_shared_from_this<Engine>, public FlightTable::Owner {
 public:
  /// To be made by `make`.
  Engine(std::unique_ptr<Scheduler> scheduler, Store& store, Resolver resolver, const ExecutorOptions& options);

  /// Makes one, which other executors of the store know of.
  template <class... Arguments>
  [[nodiscard]] static std::shared_ptr<Engine> make(Arguments&&... arguments) {
    auto engine = std::make_shared<Engine>(std::forward<Arguments>(arguments)...);
    engine->flights_.enlist(engine);
    return engine;
  }

  Result<Blob> materialize(const Address& address, MaterializeOptions options);
  void start(RequestId id, const Address& address, MaterializeOptions options, Completion<Blob>::Ptr completion);
  void cancel(RequestId id);
  RequestId next_request() noexcept { return next_request_.fetch_add(1, std::memory_order_relaxed); }
  Result<void> flush();
  void start_flush(Completion<void>::Ptr completion);

  /// Ends every request with `Errc::cancelled`, waits for the threads that are inside, and writes what is unwritten.
  /// Afterwards the engine touches neither the store nor the registry. To be called once, last.
  void shutdown();

  /// A function of the request has said how far it is, and the host may be told.
  void function_progressed(RequestId id);

 private:
  using Lock = std::unique_lock<FairMutex>;
  using Clock = std::chrono::steady_clock;

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
  /// Somebody who waits until batch `batch` is written.
  struct FlushWaiter {
    Completion<void>::Ptr completion;
    std::uint64_t batch;
  };
  class Blocked;
  class Landing;
  friend struct DetachedRun;

  // engine.cpp: requests
  std::optional<Result<Blob>> look(const Address& address, RequestId request);
  std::optional<Blob> look_in_cache(const Address& address, RequestId request);
  Result<Blob> stored_value(const Address& address, RequestId request);
  std::optional<Error> refuse(const MaterializeOptions& options) const;
  Looked look_in_store(const Address& address, RequestId request, bool forced = false);
  Lock begin(RequestId id, const Address& address, MaterializeOptions options, Completion<Blob>::Ptr completion);
  void plan(Lock& lock, const RequestPtr& request, const Looked& looked);
  void set_going(Lock& lock);
  RequestPtr make_request(RequestId id, const Address& address, MaterializeOptions options,
                          Completion<Blob>::Ptr completion);
  RequestPtr request_of(RequestId id) const;
  void give_up(Lock& lock, RequestId id, const Error& why);
  RequestPtr take_request(RequestId id);
  void cancel_all(Lock& lock, bool from_elsewhere);

  // engine_dynamic.cpp: functions that are asked to stop, and those that wait
  void begin_run(const std::shared_ptr<FunctionRun>& run, const Plan::Task& job, const RequestPtr& owner);
  void end_run(NodeId node);
  static void ask_to_stop(Lock& lock, std::span<const std::shared_ptr<FunctionRun>> runs);
  void stop_abandoned(Lock& lock);
  void start_wait(const std::shared_ptr<FunctionRun>& run, RequestId id, const Address& address,
                  Completion<Blob>::Ptr completion);
  void end_wait(Lock& lock, Request& request, Result<Blob> result);
  static void go_on(Lock& lock, FunctionRun& run);
  void resume_functions(Lock& lock);
  bool check_waits(Lock& lock);
  Error attribute_to(const DetachedRun& run, const Error& error);

  // function_progress.cpp: functions that say how far they are
  void begin_progress(FunctionRun& run, const Plan::Task& job, const RequestPtr& owner);
  static void end_progress(FunctionRun& run);

  // engine_deadline.cpp
  void add_deadline(const Request& request);
  void remove_deadline(const Request& request);
  void begin_time(FunctionRun& run);
  void remove_deadline(const FunctionRun& run);
  void disarm_if_idle();
  void expire_functions(Lock& lock, Clock::time_point now);
  static void check_time(const Plan::Task& job, std::chrono::nanoseconds time, Result<Blob>& result);
  void arm();
  void expire();
  void exceed_deadline(Lock& lock, RequestId id);

  // engine_deliver.cpp: how requests end
  void deliver(Lock& lock);
  void count_met();
  std::optional<Delivery> take_delivery(Plan::Finished finished);
  void recycle(RequestPtr request);
  void conclude(Lock& lock, const RequestPtr& request, Result<Blob> result);
  void complete(Request& request, Result<Blob> result) const;
  template <class Callback>
  void call_host(Lock& lock, const RequestPtr& request, const Callback& callback);
  void report_progress(Lock& lock, Worker& worker);
  void report_progress(Lock& lock, const RequestPtr& request);

  // engine_slots.cpp: who works
  void wake(std::size_t ready, bool goes_on = false);
  void wake() { wake(plan_.ready_count()); }
  void drain();
  std::unique_ptr<Worker> enter(Lock& lock);
  void leave(std::unique_ptr<Worker> worker, bool goes_on);
  bool run_here(Lock& lock);
  void tell_blocked();
  bool clear_up(Lock& lock);
  bool to_write() const;
  bool can_make_room() const;
  bool to_explore() const;
  bool is_left_alone() const;
  bool holds_back() const;
  void watch();
  void guard();
  void look_whether_it_gets_on();
  bool may_explore() const;
  bool may_run() const;
  bool has_work() const;
  bool may_work() const { return active_ < options_.concurrency && !stopping_ && has_work(); }

  // One piece of work each; false if there was none. They leave the lock while they work.
  bool step(Lock& lock, Worker& worker);
  bool expand(Lock& lock, Worker& worker);
  bool run(Lock& lock, Worker& worker);
  bool help_verify(Lock& lock, Worker& worker);
  bool make_room(Lock& lock);
  bool write_results(Lock& lock);

  // engine_explore.cpp
  void explore(Lock& lock, Worker& worker, StoreReader& reader);
  std::size_t slice_nodes() const noexcept;
  bool may_answer(const Worker& worker) const;
  std::size_t answer_decoded(Worker& worker, StoreReader& reader);
  void look_up(Worker& worker, StoreReader& reader);
  void look_up(Worker& worker, StoreReader& reader, const Plan::Expansion& expansion, Worker::Found& found);
  ResolvedFunction* find_function(Worker& worker, StoreReader& reader, std::uint32_t number);
  void answer(Worker& worker, StoreReader& reader, const Plan::Expansion& expansion, const Worker::Found& found);
  void plan_recipe(Worker& worker, StoreReader& reader, const Plan::Expansion& expansion, ResolvedFunction& function,
                   const Plan::Found& found);
  void introduce(ResolvedFunction& function);
  /// Null: it is over.
  const RequestPtr& owner_of(Worker& worker, RequestId id) {
    const bool is_it = worker.owner && worker.owner->id == id && !worker.owner->over;
    return is_it ? worker.owner : find_owner(worker, id);
  }
  const RequestPtr& find_owner(Worker& worker, RequestId id);

  // engine_addresses.cpp: how nodes and addresses find to each other
  void follow_numbering(StoreReader& reader);
  Result<void> read_for_plan(FunctionRef<void(StoreReader&)> use);
  void note_ids(Plan::Batch& batch) const;
  void find_addresses(Worker& worker);
  void renumber(Worker& worker) const;
  bool agree(Worker& worker, StoreReader& reader);
  Result<void> read_for_batch(Worker& worker, FunctionRef<void(StoreReader&)> use);
  void consult_store(Worker& worker);
  void look_addresses_up(Worker& worker);
  void refuse(std::span<const NodeId> nodes);
  void tell_joined();

  // engine_run.cpp: batches of functions
  float take_batch(Worker& worker, std::size_t ready, bool shares);
  bool may_take_along(bool shares) const;
  void prepare(Worker& worker);
  void prepare_extra(Worker& worker, const Plan::Job& job, Worker::Ran& ran);
  std::uint32_t executions(const Plan::Task& job) const;
  void gather(Worker& worker);
  Result<void> find_stored(Worker& worker);
  void drop_unwanted(Lock& lock, Worker& worker);
  void drop_job(const Plan::Task& job, const RequestPtr& owner);
  void drop_job(const DetachedRun& run);

  // engine_call.cpp
  std::size_t call_functions(Worker& worker);
  void call_plainly(Worker& worker, const Plan::Task& job, const Params& params, std::span<const Blob> inputs,
                    Worker::Ran& ran);
  Params* params_of(Worker& worker, const Plan::Job& job, Worker::Ran& ran);
  Clock::time_point call_function(Worker& worker, const Plan::Job& job, Params& params, std::span<Blob> inputs,
                                  Worker::Ran& ran, Clock::time_point last);
  void detach(Worker::Extra& extra, Params& params, std::span<Blob> inputs);
  void execute_repeatedly(const Plan::Task& job, Params& params, std::span<Blob> inputs, Worker::Ran& ran);
  Result<Blob> call(const Plan::Task& job, const Params& params, std::span<const Blob> inputs, const FunctionRun* run,
                    bool again = false) const;

  // engine_settle.cpp: results
  void announce(Lock& lock, Worker& worker);
  void announce(Lock& lock, const RequestPtr& owner, const Plan::Task& job, const Blob& value,
                std::chrono::nanoseconds compute_time, bool verified);
  void settle(Lock& lock, Worker& worker, Clock::duration prepared);
  void settle_jobs(Worker& worker);
  void put_back(Worker& worker);
  void observe(const ResolvedFunction& function, std::chrono::nanoseconds time, std::size_t calls = 1);
  void settle_apart(Lock& lock, const RequestPtr& owner, const Plan::Task& job, Result<Blob> result,
                    std::chrono::nanoseconds compute_time, Verification* verification,
                    std::vector<Address> discovered = {});
  void settle_one(const RequestPtr& owner, const Plan::Task& job, Result<Blob>& result,
                  std::chrono::nanoseconds compute_time, Verification* verification,
                  std::vector<Address>* discovered = nullptr);

  // engine_reasons.cpp: what changed
  void prepare_explanation(Worker& worker, std::uint32_t number);
  void explain(Worker& worker, StoreReader& reader) const;

  // engine_cutoff.cpp: results that are known although the node has none, or is to be computed again
  void prepare_look_back(Worker& worker, std::uint32_t number);
  /// Whether the result is to be found by the values of the inputs.
  bool to_be_indexed(const Plan::Task& job, std::chrono::nanoseconds compute_time) const {
    return options_.early_cutoff && job.input_count > 0 && compute_time >= *options_.early_cutoff;
  }
  void take_back(Worker& worker);
  static void find_back(Worker& worker, StoreReader& reader);
  void settle_cut_off(const RequestPtr& owner, const Plan::Task& job, Worker::Ran& ran);

  // engine_verify.cpp
  void compare_with_known(const Plan::Task& job, const KnownResultPtr& known, Result<Blob>& result,
                          std::unique_ptr<Verification>& verification) const;
  void verify_here(const Plan::Task& job, const Params& params, std::span<const Blob> inputs, Worker::Ran& ran) const;
  void verify_shared(const Plan::Task& job, Params params, std::span<Blob> inputs, Worker::Ran& ran);
  void execute_shared(Lock& lock, SharedVerification& shared);
  std::unique_ptr<Verification> judge(SharedVerification& shared, Result<Blob>& result) const;

  // engine_detached.cpp: functions that go their own way
  void start_detached(const std::shared_ptr<DetachedRun>& run);
  void start_coroutine(const std::shared_ptr<DetachedRun>& run);
  Result<Function::Started> begin_coroutine(DetachedRun& run, const boost::asio::any_io_executor& io) const;
  void finish_coroutine(const std::shared_ptr<DetachedRun>& run, Result<Blob> result);
  void end_execution(DetachedRun& run, Result<Blob>& result) const;
  void run_blocking(const std::shared_ptr<DetachedRun>& run);
  bool drop_unwanted(DetachedRun& run);
  void run_to_its_end(const std::shared_ptr<DetachedRun>& run);
  void publish(const std::shared_ptr<DetachedRun>& run, Result<Blob> result);
  bool may_execute_again(const DetachedRun& run) const;
  bool come_inside();
  bool come_inside(const Plan::Task& job);
  void go_outside();

  // engine_sharing.cpp: what another executor of the store computes
  void declare_flights() override;
  void end_flight(NodeId node, const Address& address);
  void end_flight(const Plan::Task& job) {
    if (job.address != nullptr) end_flight(job.node, *job.address);  // Else it was never told of.
  }
  void share(Lock& lock, Worker& worker);
  void find_stored_by_now(Worker& worker, std::span<const std::uint32_t> jobs);
  bool take_flight(Lock& lock, const std::shared_ptr<DetachedRun>& run);
  bool wait_elsewhere(Lock& lock, const std::shared_ptr<Engine>& other, const std::shared_ptr<DetachedRun>& run);
  void come_back(DetachedRun& run);
  bool join(const Address& address, RequestId id, MaterializeOptions options, Completion<Blob>::Ptr completion);
  void landed(const std::shared_ptr<DetachedRun>& run, Result<Blob> result);
  void settle_apart(Lock& lock, DetachedRun& run, Result<Blob> result,
                    std::optional<std::chrono::nanoseconds> compute_time);
  void settle_shared(const RequestPtr& owner, const Plan::Task& job, Result<Blob>& result,
                     std::optional<std::chrono::nanoseconds> compute_time);
  void send_elsewhere(Lock& lock, const Plan::Task& job);

  // engine_retry.cpp
  std::shared_ptr<DetachedRun> set_apart(Worker& worker, const Plan::Job& job, Worker::Ran& ran);
  bool worth_retrying(const Plan::Task& job, const Result<Blob>& result, std::uint32_t attempts) const;
  bool retry_later(Worker& worker, const Plan::Job& job, Worker::Ran& ran);
  void retry_later(SharedVerification& shared);
  void retry_later(const std::shared_ptr<DetachedRun>& run);
  bool has_due_retry() const;
  bool retry(Lock& lock);

  // engine_write.cpp
  void keep_result(const Plan::Task& job, const Blob& value, std::chrono::nanoseconds compute_time, bool by_inputs,
                   std::vector<Address> discovered);
  void keep_comparisons(std::vector<Comparison>& comparisons);
  std::uint64_t newest_batch() const;
  bool lagging() const;
  std::size_t results_room() const;
  Result<void> put_results(std::vector<RefusedResult>& refused);
  Result<RefusedResult> refuse_contradiction(const ComputedResult& result);
  void end_batch(Lock& lock, const Result<void>& put);
  void tell_written(Lock& lock, const Result<void>& put);
  Result<Blob> result_of(Ending& ending, const Result<void>& put, std::span<const RefusedResult> refused);

  const std::unique_ptr<Scheduler> scheduler_;
  Store& store_;
  FlightTable& flights_;
  const ExecutorOptions options_;
  EngineEvents events_;
  FunctionTable functions_;
  const std::uint64_t verify_seed_;
  ResultCache cache_;
  std::atomic<RequestId> next_request_{1};
  /// Requests that entered the plan, or left it before they were finished: what a batch gives way to. Changed under the
  /// mutex.
  std::atomic<std::uint64_t> interruptions_{0};

  mutable FairMutex mutex_;
  std::condition_variable_any changed_;  ///< For threads that block.
  Plan plan_;
  const std::uint32_t coroutine_limit_;  ///< Of the plan, as the next ones.
  const std::uint32_t blocking_limit_;
  std::map<std::string, std::uint32_t> resources_;
  boost::unordered_flat_map<RequestId, RequestPtr> requests_;
  std::vector<RequestPtr> unused_requests_;
  std::vector<Plan::Finished> spare_finished_;  ///< Of `deliver`, empty; kept for their memory.
  std::vector<Delivery> spare_deliveries_;
  std::vector<std::unique_ptr<Worker>> idle_workers_;
  std::vector<Plan::Joined> joined_;  ///< Of one call, as the next one; kept for their memory.
  std::vector<RequestId> reused_;
  std::set<std::pair<Clock::time_point, RequestId>> deadlines_;
  std::set<std::pair<Clock::time_point, NodeId>> function_deadlines_;
  std::vector<Ending> endings_;
  std::vector<FlushWaiter> flush_waiters_;
  Unwritten unwritten_;
  Unwritten being_written_;
  boost::unordered_flat_map<NodeId, Digest> digests_;  ///< Of values that were cut off and are not written.
  /// To be run again, or to be computed by another executor.
  std::multimap<Clock::time_point, std::shared_ptr<DetachedRun>> retries_;
  ErrorMemo known_errors_;
  float value_bytes_ = 0;      ///< Running average of those that are stored.
  std::uint64_t batch_ = 1;    ///< Number of the batch that `unwritten_` will be.
  std::uint64_t written_ = 0;  ///< Number of the last batch that was written.
  std::uint64_t gone_ = 0;     ///< Executors of the store that were gone before anything of the plan was looked up.
  std::size_t listeners_ = 0;  ///< Open requests whose hosts are told of each function, or
  std::size_t watchers_ = 0;   ///< of progress.
  bool writing_ = false;
  std::vector<RefusedResult> refused_;                                    ///< Since there was no request last.
  std::optional<Error> write_error_;                                      ///< The first since somebody was told.
  boost::unordered_flat_map<NodeId, std::shared_ptr<FunctionRun>> runs_;  ///< Of functions that take a context.
  std::deque<std::shared_ptr<SharedVerification>> verifications_;         ///< With executions that nobody has begun.
  Pace pace_;
  LoneWork lone_;                           ///< Exploring, and functions that are not worth sharing.
  std::optional<Clock::time_point> watch_;  ///< When to look whether it gets on.
  bool guarded_ = false;                    ///< Somebody will: something waits for it.
  EndableWait guarding_;                    ///< Of who does. Has a lock of its own.
  std::size_t active_ = 0;                  ///< Slots taken: threads that may run plain functions.
  std::size_t busy_ = 0;                    ///< Of these: outside the lock, working.
  std::size_t inside_ = 0;                  ///< Other threads inside: coroutine functions that are being finished.
  std::size_t posted_ = 0;                  ///< Drains that were posted and have not begun.
  std::uint64_t told_ = 0;                  ///< How often those that are blocked were told of something.
  std::size_t blocked_ = 0;                 ///< Threads that wait for `changed_`, or in `run_one`,
  std::size_t callers_ = 0;                 ///< and those of them that work when there is something to do.
  bool exploring_ = false;  ///< Whether one of the busy ones looks nodes up: more would only wait for each other.
  bool stopping_ = false;
  bool closed_ = false;  ///< Nothing of what ran when it was stopped runs any more.
};

}  // namespace deriva::detail
