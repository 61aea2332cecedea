#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <vector>

#include <deriva/compute/context.hpp>
#include <deriva/core/address.hpp>
#include <deriva/core/blob.hpp>
#include <deriva/core/error.hpp>
#include <deriva/core/params.hpp>
#include <deriva/store/result_record.hpp>

#include "compute/function_host.hpp"
#include "compute/function_progress.hpp"
#include "compute/plan.hpp"
#include "compute/request.hpp"
#include "compute/scheduler.hpp"
#include "compute/verification.hpp"

namespace deriva::detail {

class Engine;

/// A stored result that what a function returns has to agree with: its recipe's own, or that of another recipe with the
/// same function, params and values of inputs.
struct KnownResult {
  Address recipe;
  ResultRecord record;
};
using KnownResultPtr = std::shared_ptr<const KnownResult>;

/// A function under way that can be asked to stop. Under the engine's mutex, except for what is set once and `stop`.
struct FunctionRun {
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr TimePoint never = TimePoint::max();
  /// What became of a wait.
  struct Held {
    Completion<Blob>::Ptr completion;
    Result<Blob> result;
  };
  /// What it asked for while it ran.
  struct Waits {
    std::vector<Address> discovered;  ///< In order, each once.
    std::vector<RequestId> open;      ///< For what is not there yet.
    std::vector<Held> held;           ///< Until it may go on.
    std::vector<Error> errors;        ///< Of what it asked for.
  };

  /// Another executor that carries it out, and our request there.
  struct Elsewhere {
    std::shared_ptr<Engine> engine;
    RequestId request;
  };

  /// Makes it a run of the job, whose address is known.
  void set_job(const Plan::Task& of) {
    job_address = *of.address;
    job = of;
    job.address = &job_address;
  }

  Plan::Task job{};
  Address job_address{};
  std::stop_source stop{};
  TimePoint expires = never;       ///< When its own time is over.
  ContextState context{};          ///< What its contexts tell, and pass on.
  std::unique_ptr<Waits> waits{};  ///< Once it has asked for something.
  /// If the host wants to know; set before the function is called.
  std::unique_ptr<RunProgress> progress{};
  std::unique_ptr<Elsewhere> elsewhere{};  ///< If it does not run here.
  bool over = false;
};

/// A coroutine or blocking function that is under way, apart from the workers: all that is kept for it, and what its
/// context reaches.
struct DetachedRun final : FunctionRun, Scheduler::Call, FunctionHost {
  /// What it takes to execute it.
  struct Arguments {
    std::vector<Blob> inputs{};
    Params params{};
    TimePoint begun{};  ///< The execution under way, if observers were told.
  };
  /// What its result is compared with.
  struct Checks {
    std::unique_ptr<Verification> verification{};  ///< If there are several executions.
    KnownResultPtr known{};
  };

  /// Takes the inputs over.
  void set_arguments(std::span<Blob> inputs, Params params);
  void set_known(const KnownResultPtr& known);

  // The call of a coroutine function:
  Result<Function::Started> begin(const boost::asio::any_io_executor& io) override;
  void end(Result<Blob> result) override;
  // What it may ask for:
  RequestId next_request() noexcept override;
  void start(RequestId wait, const Address& address, Completion<Blob>::Ptr completion) override;
  void cancel(RequestId wait) override;

  std::shared_ptr<Engine> engine{};  ///< And its work; of a coroutine function, once it was called.
  RequestPtr owner{};
  TimePoint started{};
  std::uint32_t executions = 1;
  std::uint32_t ended = 0;
  std::uint32_t attempts = 1;
  std::unique_ptr<Arguments> arguments{};  ///< Gone once a coroutine function has taken them that is not to run again.
  std::unique_ptr<Checks> checks{};        ///< If there is something to check.
  Context given{context};
};

}  // namespace deriva::detail
